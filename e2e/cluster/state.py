"""What is known about a cluster after the program that started it has ended: one JSON file each.

It is written before anything is created, so that `down` can clean up after a crash.
"""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from e2e.cluster.model import Cluster, ClusterError, ProviderName, Tier
from e2e.cluster.processes import ProcessId, is_alive

FILE = "state.json"


class State(BaseModel):
    """A cluster on this machine, running or half started.

    `owner` is the test run that will take it down; when that has died, anyone may. One that
    `gives_way` was left up to be looked at: tests that need its node take it down.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    tier: Tier
    provider: ProviderName
    phase: Literal["starting", "up"]
    starter: ProcessId
    owner: ProcessId | None = None
    gives_way: bool = False
    ports: dict[str, int] = {}
    kubeconfig: str = ""
    kubectl: str = ""
    audit: bool = False

    def cluster(self, state_dir: Path) -> Cluster:
        """The cluster as the suites see it."""
        return Cluster(
            name=self.name,
            tier=self.tier,
            provider=self.provider,
            kubeconfig=Path(self.kubeconfig),
            kubectl=Path(self.kubectl),
            state_dir=state_dir,
            audit_log=state_dir / "audit.log" if self.audit else None,
        )


def save(folder: Path, state: State) -> None:
    """Write the state so that a reader sees the old one or the new one, never half."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = folder / f".{FILE}.{os.getpid()}"
    temporary.write_text(state.model_dump_json(indent=2))
    temporary.replace(folder / FILE)


def load(folder: Path) -> State | None:
    """The state in a folder, None when there is none; raises ClusterError on one not readable."""
    try:
        return State.model_validate_json((folder / FILE).read_text())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise ClusterError(
            f"{folder / FILE} was not written by this version ({error.error_count()} faults); "
            f"take the cluster down with the version that started it, or delete {folder}"
        ) from error


def load_all(home: Path) -> dict[Path, State]:
    """Every cluster that has a state on this machine, by its folder."""
    folders = sorted(path.parent for path in home.glob(f"*/{FILE}"))
    return {folder: state for folder in folders if (state := load(folder))}


def is_abandoned(state: State) -> bool:
    """Whether nobody will finish or end this cluster: its starter or owner has died."""
    half_started = state.phase == "starting" and not is_alive(state.starter)
    return half_started or (state.owner is not None and not is_alive(state.owner))


def discard(folder: Path) -> None:
    """Forget a cluster: delete its folder with all that is in it, the state file last."""
    for path in folder.iterdir() if folder.exists() else ():
        if path.name != FILE:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def locked(home: Path) -> Iterator[None]:
    """Hold the machine-wide lock under which names and ports are given out."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (home / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
