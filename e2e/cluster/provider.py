"""What a provider of clusters is asked, and what it can do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster.model import Tier
from e2e.cluster.processes import ProcessId
from e2e.cluster.progress import Progress
from e2e.cluster.state import State


@dataclass(frozen=True, slots=True)
class Request:
    """A cluster that somebody wants.

    `home` is the folder that has all clusters' folders, `folder` this one's.
    """

    name: str
    tier: Tier
    audit: bool
    owner: ProcessId | None
    home: Path
    folder: Path
    env: Mapping[str, str]
    progress: Progress


@dataclass(frozen=True, slots=True)
class Health:
    """One line of `status`."""

    component: str
    pid: int | None
    health: str


@dataclass(frozen=True, slots=True)
class Provider:
    """A way to have a cluster; every function may raise ClusterError.

    `start` leaves nothing behind when it fails; `stop` may be called on what is half started,
    and again.
    """

    start: Callable[[Request], State]
    stop: Callable[[Path, State], None]
    load_image: Callable[[Path, State, Path], None]
    status: Callable[[Path, State], list[Health]]
