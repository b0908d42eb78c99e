"""The kubelet's prober for one container, simulated in milliseconds.

Source of truth: pkg/kubelet/prober/worker.go and prober_manager.go, and status/status_manager.go
of k8s.io/kubernetes v1.36. One worker per probe on a Go
ticker, which keeps one tick for a reader that is late and drops the rest; its phase to the
container's start is arbitrary, because workers begin with the pod (and, after a restart of the
kubelet, at a random moment of their period). The container's start is known to the second, cut
off, so that initial delays may end up to a second early.
"""

from collections.abc import Callable
from dataclasses import dataclass

from inferencehealth.kubelet import Numbers

MS = 1000
Server = Callable[[int], tuple[int, bool]]
"""Length in ms and outcome of an exchange with the server, by when it begins."""


@dataclass(frozen=True)
class Life:
    """What became of a container: when the kubelet called it ready, not ready, and killed it."""

    started: int | None
    ready: int | None
    out_of_traffic: int | None
    killed: int | None


@dataclass
class Worker:
    """One probe. `phase` in ms within the period; `cut` is what the start's time lost, in ms."""

    numbers: Numbers
    phase: int
    cut: int
    run: int = 0
    last: bool | None = None
    free: int = 0

    def __post_init__(self) -> None:
        self.tick = self.phase

    def next_start(self) -> int:
        return max(self.tick, self.free)

    def step(self, server: Server, *, held: bool) -> tuple[int, bool | None]:
        """The next turn: when it ended, and a result that reached its threshold."""
        start, period = self.next_start(), self.numbers.period * MS
        self.tick = start - (start - self.phase) % period + period
        self.free = start
        if held or (start + self.cut) // MS < self.numbers.initial_delay:
            return start, None
        length, good = server(start)
        timeout = self.numbers.timeout * MS
        if length > timeout:
            length, good = timeout, False
        self.free = start + length
        self.run = self.run + 1 if self.last is good else 1
        self.last = good
        reached = good or self.run >= self.numbers.failures
        return self.free, good if reached else None


def live(
    server: Server,
    *,
    startup: Worker | None,
    liveness: Worker,
    readiness: Worker,
    sync: int,
    until: int,
) -> Life:
    """The life of a container from its start at 0; `sync` ms pass until a result takes effect."""
    started = None if startup else 0
    ready = out = None
    while True:
        workers = [w for w in (startup, liveness, readiness) if w is not None]
        worker = min(workers, key=Worker.next_start)
        if worker.next_start() > until:
            return Life(started, ready, out, None)
        begun = started is not None and worker.next_start() >= started + sync
        if worker is startup:
            ended, result = worker.step(server, held=started is not None)
            if result is False:
                return Life(None, None, None, ended)
            started = ended if result and started is None else started
        else:
            ended, result = worker.step(server, held=startup is not None and not begun)
            if worker is liveness and result is False:
                return Life(started, ready, out, ended)
            if worker is readiness and result is True and ready is None:
                ready = ended
            if worker is readiness and result is False and ready is not None and out is None:
                out = ended
