"""The values that everything in e2e.cluster passes on: tiers, a running cluster, its errors."""

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

# Long enough for a sentence, short enough that the node tier's sockets below the state folder
# stay under the 108 bytes that Linux allows for a socket path.
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?")


class ClusterError(Exception):
    """A cluster could not be had; the message names the thing and the remedy."""


class Tier(StrEnum):
    """How much of a cluster runs: each tier proves what the one before it cannot."""

    INTEGRATION = "integration"  # API server and controllers; pods stay Pending
    SCALE = "scale"  # and a scheduler and fake kubelets; pods are Running on loopback addresses
    NODE = "node"  # and a real kubelet, containerd, kube-proxy


class ProviderName(StrEnum):
    """Where a cluster comes from."""

    KIND = "kind"
    SOURCE = "source"
    EXISTING = "existing"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running cluster, as the suites see it.

    `audit_log` is the API server's audit log (one JSON object a line, level Metadata), None when
    it was not asked for or the provider has none.
    """

    name: str
    tier: Tier
    provider: ProviderName
    kubeconfig: Path
    kubectl: Path
    state_dir: Path
    audit_log: Path | None = None


def checked_name(name: str) -> str:
    """Return the name if it can be a cluster's; raises ClusterError."""
    if not NAME.fullmatch(name):
        raise ClusterError(
            f"cluster name {name!r}: use 1 to 30 lower-case letters, digits and dashes"
        )
    return name
