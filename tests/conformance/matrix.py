"""A server's walk through its faults, with the engine and two probes of a kubelet at work on it.

Periods are those of the defaults divided by PACE; timeouts are real, because servers answer in
real time.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from e2e.servers.processes import RunningServer, free_ports
from inferencehealth.checks.history import History
from inferencehealth.checks.verdicts import Verdict
from inferencehealth.kubelet import numbers_of
from inferencehealth.plan import plan
from tests.conformance.engines import Watch, at_work
from tests.conformance.faults import Cell, Fault
from tests.conformance.kubelets import USUAL, Prober
from tests.conformance.stands import Doing, Stand
from tests.unit.plan.given import a_policy, deployment

PACE: Final = 20
CANARY: Final[dict[str, Any]] = {"mode": "Auto", "interval": 60 / PACE, "timeout": 5.0}
FAILURES: Final = 5
"""Checks without an answer until Broken: 25 s of silence, as three checks every 10 s take."""
STAYS: Final = 12
"""Rounds through which a verdict has to stay: two canary intervals."""
PATIENCE: Final = 120.0
"""Seconds after which what was awaited is noted as not seen; only a busy machine needs so many."""
LONG_LOAD: Final = 900.0
_GOOD: Final = 200

Awaited = Callable[[Fault], frozenset[Verdict]]


async def walk(stand: Stand, folder: Path, awaited: Awaited) -> dict[Fault, Cell]:
    """What is seen of the server in each of its faults; `awaited` are the verdicts waited for."""
    (port,) = free_ports(1)
    ports = {"http": port, **({"metrics": free_ports(1)[0]} if stand.metrics else {})}
    scene = _Scene(stand, folder, ports, _watch(stand, ports, stand.required), awaited)
    async with AsyncExitStack() as whole:
        await whole.enter_async_context(at_work(scene.watch))
        await whole.enter_async_context(_probing(scene.usual, scene.liveness))
        await whole.enter_async_context(scene.ended())
        await scene.act()
    return scene.noted


def _watch(stand: Stand, ports: dict[str, int], model: str) -> Watch:
    return Watch(
        ports,
        scale=PACE,
        started_at=int(time.time()),
        profile=stand.profile,
        models={"required": [{"name": model}]},
        timeout=5.0,
        failureThreshold=FAILURES,
        canary=CANARY,
    )


@dataclass(slots=True)
class _Scene:
    """One server, all that looks at it, and what was noted."""

    stand: Stand
    folder: Path
    ports: dict[str, int]
    watch: Watch
    awaited: Awaited
    noted: dict[Fault, Cell] = field(default_factory=dict)
    usual: Prober = field(init=False)
    liveness: Prober = field(init=False)
    _server: RunningServer | None = None
    _starts: int = 0
    _began: float = 0.0
    _sent: int = 0
    _told: int = 0

    def __post_init__(self) -> None:
        port = self.ports["http"]
        self.usual = Prober(port, self.stand.path, USUAL, PACE)
        self.liveness = _injected(self.stand, port)

    async def act(self) -> None:
        """All faults, one after the other."""
        self._begin()
        await self._note(Fault.NOT_STARTED)
        await self._load()
        self._begin()
        await self._note(Fault.READY)
        await self._ask_for_another()
        for fault, doing in self.stand.faults.items():
            self._begin()
            self.liveness.hurried = fault is Fault.PROCESS_FROZEN
            async with _lasting(doing, self._running()):
                self._sent = self.watch.engine.canaries.sent
                await self._note(fault)
            self.liveness.hurried = False
            await self._until_ready()
        for fault, doing_once in self.stand.fatal.items():
            self._begin()
            await asyncio.to_thread(doing_once, self._running())
            await self._note(fault)
            await self._restart()
        if not self.stand.fatal:
            await self._restart()

    @asynccontextmanager
    async def ended(self) -> AsyncIterator[None]:
        """At the end no server is left."""
        try:
            yield
        finally:
            await self._stop()

    async def _load(self) -> None:
        """From the start to Ready; what is noted is what was believed last before."""
        self._begin()
        before, said = self.watch.history, 0

        def serves(told: History) -> bool:
            nonlocal before, said
            if told.verdict is Verdict.LOADING:
                before = told
                # The endpoint may be green a moment before we believe it.
                said = self.usual.status if self.usual.status != _GOOD else said
            return told.verdict is Verdict.READY

        await self._start(long=True)
        await self.watch.until_believed(serves, within=LONG_LOAD)
        self.noted[Fault.LOADING] = replace(self._cell(before, self.watch), health=said)
        await asyncio.to_thread(self.stand.served, self._running())

    async def _ask_for_another(self) -> None:
        """A second check of the same server, for a model that it has not."""
        self._begin()
        other = _watch(self.stand, self.ports, "nope")
        async with at_work(other):
            await self._note(Fault.UNKNOWN_MODEL, other)

    async def _restart(self) -> None:
        await self._stop()
        self.liveness.held = True
        self._begin()
        self.watch.restarted(moment := int(time.time()))
        await self._start(long=False)
        await self._until_ready(started_at=moment)
        await self._note(Fault.RESTARTED)
        await asyncio.to_thread(self.stand.served, self._running())

    async def _until_ready(self, *, started_at: float = 0) -> None:
        """Until this start of the container serves."""

        def serves(told: History) -> bool:
            known = (told.started_at or 0) >= started_at and not told.fresh
            return known and told.verdict is Verdict.READY

        if not await self.watch.until_believed(serves, within=LONG_LOAD):
            raise TimeoutError(f"{self.stand.profile} did not serve again: {self.watch.history}")
        # A canary that was sent in one fault must not be counted, nor wake a server, in the next.
        await self.watch.until_believed(
            lambda _: not self.watch.engine.canaries.under_way, within=LONG_LOAD
        )

    async def _start(self, *, long: bool) -> None:
        folder = self.folder / str(self._starts)
        self._starts += 1
        self._server = await asyncio.to_thread(self.stand.start, folder, self.ports, long=long)

    async def _stop(self) -> None:
        if self._server is not None:
            await asyncio.to_thread(self._server.kill)

    def _running(self) -> RunningServer:
        assert self._server is not None
        return self._server

    def _begin(self) -> None:
        """What is noted from now on belongs to another fault."""
        self.usual.begin()
        self.liveness.begin()
        self._began, self._sent = time.monotonic(), self.watch.engine.canaries.sent
        self._told = len(self.watch.verdicts)

    async def _note(self, fault: Fault, other: Watch | None = None) -> None:
        """Wait for the awaited verdict, then until it had time to change, and note it."""
        watch, wanted = other or self.watch, self.awaited(fault)
        already = watch.history.verdict in wanted
        await watch.until_believed(lambda told: told.verdict in wanted, within=PATIENCE)
        cell = self._cell(watch.history, watch)
        if already:
            await watch.rounds(STAYS, within=LONG_LOAD)
            cell = self._cell(watch.history, watch)
        async with asyncio.timeout(LONG_LOAD):
            await self.usual.settled.wait()
            await self.liveness.settled.wait()
        self.noted[fault] = replace(
            cell, health=self.usual.status, usual=self.usual.acted, liveness=self.liveness.acted
        )

    def _cell(self, seen: History, watch: Watch) -> Cell:
        own = watch is self.watch
        told = watch.verdicts[self._told if own else 0 :]
        return Cell(
            verdict=seen.verdict.value,
            reason=seen.reason,
            message=seen.message,
            verdicts=tuple(verdict.value for verdict, _, _ in told),
            seconds=time.monotonic() - self._began,
            canaries=watch.engine.canaries.sent - (self._sent if own else 0),
            health=self.usual.status,
            usual=self.usual.acted,
            liveness=self.liveness.acted,
        )


def _injected(stand: Stand, port: int) -> Prober:
    """The liveness probe that a plan for this container has; held until it has once succeeded."""
    planned = plan(a_policy(), deployment(dict(stand.container)))
    probe = next(each.wanted for each in planned.probes if each.kind == "livenessProbe")
    assert probe is not None
    return Prober(port, probe["httpGet"]["path"], numbers_of(probe), PACE, held=True)


@asynccontextmanager
async def _probing(*probers: Prober) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(each.run()) for each in probers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()


@asynccontextmanager
async def _lasting(doing: Doing, server: RunningServer) -> AsyncIterator[None]:
    """The fault for the length of a `with` block; what it waits for holds up no check."""
    fault = doing(server)
    await asyncio.to_thread(fault.__enter__)
    try:
        yield
    finally:
        await asyncio.to_thread(fault.__exit__, None, None, None)
