"""Take parts of a built cluster away for a while, and bring them back: for tests of what survives.

Only on the cluster from source, whose parts are processes of ours.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from e2e.cluster import builds, health, processes, world
from e2e.cluster.layout import Component, Layout
from e2e.cluster.model import Cluster, ClusterError, ProviderName
from e2e.cluster.processes import ProcessId
from e2e.cluster.progress import to_stderr
from e2e.cluster.providers import source
from e2e.cluster.state import load


@contextmanager
def without(cluster: Cluster, *names: str) -> Iterator[None]:
    """Kill these components, and start them again after the block; returns when they are well."""
    layout, parts = _parts(cluster, names)
    for part in parts:
        processes.kill(_of(layout, part))
    try:
        yield
    finally:
        # One after the other: a kubelet ends at once when it finds no containerd.
        for part in parts:
            _start(layout, part)
            _await(layout, part)


@contextmanager
def frozen(cluster: Cluster, *names: str) -> Iterator[None]:
    """These components stand still as long as the block runs: ports open, no answer."""
    layout, parts = _parts(cluster, names)
    _signal(layout, parts, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal(layout, parts, signal.SIGCONT)


@contextmanager
def slow(cluster: Cluster, name: str, *, stands: float, runs: float) -> Iterator[None]:
    """The component stands still and runs in turns, for so many seconds each, during the block."""
    over = threading.Event()

    def pulse() -> None:
        while not over.wait(runs):
            with frozen(cluster, name):
                over.wait(stands)

    pulsing = threading.Thread(target=pulse, name=f"slow {name}")
    pulsing.start()
    try:
        yield
    finally:
        over.set()
        pulsing.join()


def _parts(cluster: Cluster, names: tuple[str, ...]) -> tuple[Layout, list[Component]]:
    state = load(cluster.state_dir)
    if state is None or cluster.provider is not ProviderName.SOURCE:
        raise ClusterError(f"cluster {cluster.name} has no parts that could be taken away")
    programs = builds.ensure(builds.PROGRAMS[cluster.tier], to_stderr())
    layout = source.layout_of(cluster.state_dir, state, programs)
    return layout, [part for part in source.components(layout) if part.name in names]


def _of(layout: Layout, part: Component) -> list[ProcessId]:
    """The processes of a component: the program, and what put it into the node's world."""
    found = []
    for each in processes.marked(layout.folder):
        with suppress(OSError):
            words = Path(f"/proc/{each.pid}/cmdline").read_bytes().split(b"\0")
            if part.argv[0].encode() in words:
                found.append(each)
    return found


def _signal(layout: Layout, parts: list[Component], number: int) -> None:
    for part in parts:
        for each in _of(layout, part):
            with suppress(ProcessLookupError):
                os.kill(each.pid, number)


def _start(layout: Layout, part: Component) -> None:
    argv = part.argv
    if part.inside != "host":
        init = world.init_pid(processes.recorded(layout.folder / "processes")["world"].pid)
        if init is None:
            raise ClusterError("the node's namespaces are gone")
        argv = world.enter(init, part.inside, argv)
    processes.spawn(
        argv,
        log=layout.log(part.name),
        record=layout.folder / "processes" / f"{part.name}.json",
        state_dir=layout.folder,
    )


def _await(layout: Layout, part: Component) -> None:
    context = health.trust(layout.pki)
    process = processes.recorded(layout.folder / "processes")[part.name]
    health.wait(part.name, lambda: health.is_well(part, context), {part.name: process}, layout)
