"""Start a controller of others as a process beside a cluster, by the administrator's kubeconfig.

It carries the cluster's mark like all that belongs to one: taking the cluster down ends it too,
whatever happened to us.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster.model import Cluster
from e2e.loopback.servers import marked
from e2e.servers.processes import (
    RunningServer,
    ask,
    launch,
    stopped_at_end,
    wait_until,
)

START_SECONDS = 300.0
"""Until a controller says that it is well: its caches fill first, beside whatever else runs."""


@dataclass(frozen=True, slots=True)
class Part:
    """A program to run: its name for logs, its command line, and what to add to the environment.

    `well` is a URL that answers 200 once the program works.
    """

    name: str
    command: Sequence[str]
    well: str
    environment: Mapping[str, str]


def folder_of(cluster: Cluster, name: str) -> Path:
    """Where a part keeps its files: with the cluster's own, so that they go when it goes."""
    folder = cluster.state_dir / "ecosystem" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextlib.contextmanager
def running(cluster: Cluster, part: Part) -> Iterator[RunningServer]:
    """The part, well, for the length of a `with` block.

    Raises StartError with the end of its log when it ends or is not well in time.
    """
    environment = {"KUBECONFIG": str(cluster.kubeconfig), **part.environment}
    with marked(cluster):
        server = launch(
            part.name,
            list(part.command),
            ports={},
            log=cluster.state_dir / "logs" / f"{part.name}.log",
            env=environment,
        )
    with stopped_at_end(server):
        wait_until(server, lambda: _is_well(part), timeout=START_SECONDS)
        yield server


def _is_well(part: Part) -> bool:
    answer = ask(part.well)
    return answer is not None and answer.status == 200
