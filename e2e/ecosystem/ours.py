"""Our controller and checker beside the controllers of others, hurried or as users have them.

`python -m e2e.ecosystem.ours controller …` is `ihp controller …` that waits seconds where the
real one waits minutes before it writes again what somebody has just changed back.
"""

import contextlib
import sys
from collections.abc import Iterator

from e2e import program
from e2e.cluster.model import Cluster
from e2e.ecosystem.parts import Part, running
from e2e.servers.processes import LOOPBACK, free_ports
from inferencehealth.api.names import SYSTEM_NAMESPACE
from inferencehealth.controller import reverts

HURRIED = (3.0, 6.0)
"""Seconds between rounds, as reverts.BACKOFF: enough for Argo CD's self-heal to come in between."""


STRAIGHT = ("--transport", "direct")
"""Fake pods have addresses of this machine; no API server passes requests on to them."""


def install(cluster: Cluster) -> None:
    """Give the cluster our CRDs and the operator's own namespace."""
    program.install(cluster)


@contextlib.contextmanager
def running_operator(cluster: Cluster, *, hurried: bool) -> Iterator[None]:
    """Controller and checker, ready, for the length of a `with` block."""
    controls, checks = free_ports(2)
    entry = __name__ if hurried else "inferencehealth.cli"
    with (
        running(cluster, _part(cluster, entry, "controller", controls)),
        running(cluster, _part(cluster, "inferencehealth.cli", "checker", checks, *STRAIGHT)),
    ):
        yield


def _part(cluster: Cluster, entry: str, name: str, port: int, *more: str) -> Part:
    address = f"{LOOPBACK}:{port}"
    command = (
        *(sys.executable, "-m", entry, name),
        *("--kubeconfig", str(cluster.kubeconfig), "--system-namespace", SYSTEM_NAMESPACE),
        *("--listen", address),
        *more,
    )
    return Part(f"ihp-{name}", command, f"http://{address}/readyz", {})


if __name__ == "__main__":
    from inferencehealth.cli.main import main

    vars(reverts)["BACKOFF"] = HURRIED
    main()
