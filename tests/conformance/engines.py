"""The whole engine at work on a real server: what it says, as it says it.

All times are those of the defaults, divided by SCALE, where a test says nothing else.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

from e2e.servers.processes import LOOPBACK, RunningServer
from inferencehealth.api.report import Health
from inferencehealth.checker.attention import PULSE
from inferencehealth.checker.engine import Engine, Transition
from inferencehealth.checks import transports
from inferencehealth.checks.history import History
from inferencehealth.checks.progress import PATIENCE, WHILE_GREEN
from inferencehealth.checks.steps import Answer, Peer, Request
from inferencehealth.checks.verdicts import Verdict
from inferencehealth.kube.store import Change
from tests.unit.checker.values import NAMESPACE, START, added, pod, report, spec

SCALE: Final = 30
FAILURES: Final = 3
LONG: Final = 60.0
"""Seconds after which a test that waits for something gives up; it needs a few."""


class Watch:
    """An engine that checks what listens on these ports, and what it said of it."""

    def __init__(
        self,
        ports: Mapping[str, int],
        *,
        scale: float = SCALE,
        started_at: int = START,
        **check: Any,
    ) -> None:
        self.verdicts: list[tuple[Verdict, str, str]] = []
        self.asked = 0
        self._news = asyncio.Event()
        self.engine = Engine(
            ask=self._ask, identity="c", concurrency=9, mark=lambda _: None, told=self._told
        )
        fields = {"interval": 10 / scale, "timeout": 5 / scale, "failureThreshold": FAILURES}
        asked = spec(endpoints=None, port=ports["http"], **(fields | check))
        self.engine.on_report(added(report(check=asked)))
        work = self.engine.work((NAMESPACE, "triton"))
        assert work is not None
        if work.compiled.progress is not None:
            port = ports.get("metrics", 0)
            scaled = replace(
                work.compiled.progress,
                patience=PATIENCE / scale,
                while_green=WHILE_GREEN / scale,
                port=port,
            )
            work.compiled = replace(work.compiled, progress=scaled)
        self._first = work.compiled.steps[0].request.path
        self._pod = pod(ip=LOOPBACK, started_at=started_at)
        self.engine.on_pod(added(self._pod))
        self.engine.start()

    @property
    def history(self) -> History:
        """What is believed of the server now."""
        (checked,) = self.engine.checked()
        return checked.history

    def restarted(self, started_at: int) -> None:
        """The kubelet started the container anew."""
        (container,) = self._pod.containers
        container = replace(container, started_at=started_at, restarts=container.restarts + 1)
        before, self._pod = self._pod, replace(self._pod, containers=(container,))
        self.engine.on_pod(Change("modified", (NAMESPACE, before.name), before, self._pod))

    async def _ask(self, peer: Peer, port: int, request: Request, *, timeout: float) -> Answer:  # noqa: ASYNC109
        if request.path == self._first:
            self.asked += 1
        self._news.set()
        return await transports.ask(peer, port, request, timeout=timeout)

    def _told(self, transition: Transition) -> None:
        after = transition.after
        self.verdicts.append((after.verdict, after.reason, after.message))
        self._news.set()

    async def until(self, verdict: Verdict) -> tuple[Verdict, str, str]:
        """The first time from now on that the verdict changes to this one."""
        seen = len(self.verdicts)
        async with asyncio.timeout(LONG):
            while not any(told[0] is verdict for told in self.verdicts[seen:]):
                await self._next()
        return next(told for told in self.verdicts[seen:] if told[0] is verdict)

    async def rounds(self, count: int, *, within: float = LONG) -> None:
        """So many more rounds; raises TimeoutError when they take more seconds than `within`."""
        enough = self.asked + count
        async with asyncio.timeout(within):
            while self.asked < enough:
                await self._next()

    async def until_believed(self, wanted: Callable[[History], bool], *, within: float) -> bool:
        """Wait until a history is wanted; False when it was not after so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                while not wanted(self.history):
                    await self._next()
        return wanted(self.history)

    async def canaries(self, count: int) -> None:
        """So many more canaries."""
        enough = self.engine.canaries.sent + count
        async with asyncio.timeout(LONG):
            while self.engine.canaries.sent < enough:
                await self._next()

    def health(self) -> Health:
        """What a report would say now."""
        found = self.engine.render((NAMESPACE, "triton"), None)
        assert found is not None
        return found

    async def _next(self) -> None:
        self._news.clear()
        await self._news.wait()


@asynccontextmanager
async def watching(server: RunningServer, **check: Any) -> AsyncIterator[Watch]:
    """An engine at work on the server, which it has seen serve."""
    async with at_work(Watch(server.ports, **check)) as watch:
        await watch.until(Verdict.READY)
        yield watch


@asynccontextmanager
async def at_work(watch: Watch) -> AsyncIterator[Watch]:
    """The watch, its engine at work for the length of a `with` block."""

    def pulse() -> None:
        watch.engine.attention.look()
        alarms.append(asyncio.get_running_loop().call_later(PULSE, pulse))

    alarms: list[asyncio.TimerHandle] = []
    pulse()
    running = asyncio.create_task(watch.engine.scheduler.run())
    try:
        yield watch
    finally:
        alarms[-1].cancel()
        running.cancel()
        await watch.engine.canaries.close()
