"""How each real server is brought into every state that the suite asks about.

A bed starts its server with the model "good" and knows how to make it sick; `walk` leads any of
them through all states and notes what a checker saw.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal

from e2e.servers.processes import RunningServer, free_ports, stopped_at_end
from tests.conformance.rounds import spec
from tests.conformance.watching import Seen, Watch

GOOD = "good"
ANSWER_TIMEOUT = "2s"
"""Longer than any of these servers needs while it can answer, on two busy cores."""


class State(StrEnum):
    """A state that a server can be in."""

    NOT_STARTED = "not started"
    STARTING = "starting"
    """The process runs and loads the models it was started with."""
    LOADING = "loading"
    """It answers, and the required model still loads."""
    READY = "ready"
    OVERLOADED = "overloaded"
    RECOVERED = "recovered"
    KILLED = "killed"
    RESTARTED = "restarted"
    UNKNOWN_MODEL = "unknown model"
    FAILED_LOAD = "failed load"
    OTHER_FAILED = "other model failed"
    """Another model than the required one failed to load."""
    UNLOADED = "unloaded"
    FROZEN = "frozen"
    FAILED_START = "failed start"
    """The model it was started with failed to load; the process may have ended."""


@dataclass(frozen=True, slots=True)
class Bed:
    """One server. What a server has no such thing as is None.

    `start` takes a folder of its own and the HTTP port, and returns when "good" serves.
    `starting` is the same with a load that does not end, `failing` with one that has failed.
    `load`, `fail` and `unload` act on a running server; `load` and `fail` give the name of the
    model that now loads or has failed.
    """

    profile: str
    start: Callable[[Path, int], RunningServer]
    overload: Callable[[RunningServer], AbstractContextManager[None]] | None = None
    starting: Callable[[Path, int], RunningServer] | None = None
    failing: Callable[[Path, int], RunningServer] | None = None
    load: Callable[[RunningServer], str] | None = None
    fail: Callable[[RunningServer], str] | None = None
    unload: Callable[[RunningServer], None] | None = None
    names: Literal["models", "components", "nothing"] = "models"
    """What the check can require by its name."""


def walk(bed: Bed, folder: Path) -> dict[State, Seen]:
    """What a checker sees of the server in each state."""
    (port,) = free_ports(1)
    pod = _watch(bed, port)
    seen = {State.NOT_STARTED: pod.look()}
    if bed.starting:
        with stopped_at_end(bed.starting(folder / "starting", port)):
            seen[State.STARTING] = pod.look()
    if bed.failing:
        with stopped_at_end(bed.failing(folder / "failing", port)):
            seen[State.FAILED_START] = pod.look()
    with stopped_at_end(bed.start(folder / "first", port)) as server:
        seen[State.READY] = pod.look(2)
        if bed.overload:
            with bed.overload(server):
                seen[State.OVERLOADED] = pod.look(2)
            seen[State.RECOVERED] = _recovered(bed, pod)
        server.kill()
        seen[State.KILLED] = pod.look(3)
    with stopped_at_end(bed.start(folder / "second", port)) as server:
        pod.restarted()
        seen[State.RESTARTED] = pod.look()
        seen |= _models(bed, server, pod, port)
        server.freeze()
        seen[State.FROZEN] = pod.look(3)
        server.thaw()
    return seen


def _models(bed: Bed, server: RunningServer, pod: Watch, port: int) -> dict[State, Seen]:
    seen = {}
    if bed.names != "nothing":
        seen[State.UNKNOWN_MODEL] = _watch(bed, port, "nope").look()
    if bed.load:
        seen[State.LOADING] = _watch(bed, port, bed.load(server)).look()
    if bed.fail:
        seen[State.FAILED_LOAD] = _watch(bed, port, bed.fail(server)).look()
        seen[State.OTHER_FAILED] = pod.look(2)
    if bed.unload:
        bed.unload(server)
        seen[State.UNLOADED] = pod.look(3)
    return seen


def _recovered(bed: Bed, pod: Watch) -> Seen:
    """What is seen when the last request of the overload has ended; it may take its time."""
    for _ in range(20):
        seen = pod.look()
        if seen.sign == "Serves":
            break
    return seen


def _watch(bed: Bed, port: int, model: str = GOOD) -> Watch:
    models = (model,) if bed.names == "models" else ()
    parts = {"required": [model] if bed.names == "components" else []}
    return Watch(spec(bed.profile, *models, components=parts, timeout=ANSWER_TIMEOUT), port)
