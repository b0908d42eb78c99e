"""Choose where a cluster comes from: what was asked for, else the first provider that can."""

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from e2e.cluster.model import ClusterError, ProviderName, Tier

# A Docker client whose engine hangs must not hang us.
ENGINE_PATIENCE = 5.0
# Pulling the node image (about 1 GB) on a slow line.
PULL_PATIENCE = 600.0
# Made for kind 0.33; the digest is the one of its release notes.
NODE_IMAGE = (
    "kindest/node:v1.36.4@sha256:099e049362a1526b2db71494e1947aae99bd16290d7c895f2b7ea312e3cbfaed"
)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What there is on this machine: a container engine that answers, the node image for kind.

    `image_problem` says why the node image is not to be had; None when it is.
    """

    engine: str | None = None
    image_problem: str | None = None
    assets: bool = False
    existing_kubeconfig: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """A provider, and why this one."""

    provider: ProviderName
    reason: str


def choose(asked: str | None, tier: Tier, around: Surroundings) -> Choice:
    """The provider for a tier; raises ClusterError when the one asked for cannot.

    An existing cluster is never chosen unless asked for by name.
    """
    if not asked:
        problem = kind_problem(tier, around)
        if problem is None:
            return Choice(ProviderName.KIND, f"{around.engine} answers and has the node image")
        return Choice(ProviderName.SOURCE, problem)
    if asked not in list(ProviderName):
        raise ClusterError(f"CLUSTER={asked}: use one of {', '.join(ProviderName)}")
    provider = ProviderName(asked)
    problem = {
        ProviderName.KIND: kind_problem(tier, around),
        ProviderName.EXISTING: existing_problem(tier, around),
        ProviderName.SOURCE: None,
    }[provider]
    if problem:
        raise ClusterError(f"CLUSTER={asked}: {problem}")
    return Choice(provider, f"CLUSTER is {asked}")


def kind_problem(tier: Tier, around: Surroundings) -> str | None:
    """Why kind cannot or should not be used; None when it can."""
    if tier is Tier.SCALE:
        return "fake nodes on loopback need the scale tier of the source provider"
    if tier is Tier.INTEGRATION and around.assets:
        return "KUBEBUILDER_ASSETS names the programs to run"
    if around.engine is None:
        return "no container engine answers"
    return around.image_problem


def existing_problem(tier: Tier, around: Surroundings) -> str | None:
    """Why no existing cluster can be used; None when one can."""
    if tier is Tier.SCALE:
        return "the scale tier needs fake nodes on this machine; remedy: CLUSTER=source"
    if around.existing_kubeconfig is None:
        return (
            "name the cluster by CLUSTER_KUBECONFIG=/path/to/kubeconfig; "
            "KUBECONFIG and the current context are left alone on purpose"
        )
    return None


def look_around(env: Mapping[str, str], tier: Tier) -> Surroundings:
    """Ask the machine what `choose` needs to know, and nothing that it does not."""
    asked = env.get("CLUSTER") or ProviderName.KIND
    known = Surroundings(
        assets=bool(env.get("KUBEBUILDER_ASSETS")),
        existing_kubeconfig=env.get("CLUSTER_KUBECONFIG") or None,
    )
    pointless = kind_problem(tier, Surroundings(engine="any", assets=known.assets))
    if asked != ProviderName.KIND or pointless:
        return known
    engine = next((name for name in ("docker", "podman") if _answers(name)), None)
    problem = _image_problem(engine, node_image(env)) if engine else None
    return Surroundings(engine, problem, known.assets, known.existing_kubeconfig)


def node_image(env: Mapping[str, str]) -> str:
    """The image of kind's node; KIND_NODE_IMAGE names another one, from a mirror for instance."""
    return env.get("KIND_NODE_IMAGE") or NODE_IMAGE


def _answers(engine: str) -> bool:
    return shutil.which(engine) is not None and _succeeds([engine, "info"], ENGINE_PATIENCE)


def _image_problem(engine: str, image: str) -> str | None:
    if _succeeds([engine, "image", "inspect", image], ENGINE_PATIENCE):
        return None
    if _succeeds([engine, "pull", "--quiet", image], PULL_PATIENCE):
        return None
    return f"{engine} has no image {image} and cannot pull it"


def _succeeds(command: list[str], patience: float) -> bool:
    try:
        result = subprocess.run(command, capture_output=True, timeout=patience, check=False)
    except (subprocess.TimeoutExpired, OSError):
        return False
    return result.returncode == 0
