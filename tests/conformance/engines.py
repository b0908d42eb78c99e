"""The whole engine at work on a real server: what it says, as it says it.

All times are those of the defaults, divided by SCALE.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

from e2e.servers.processes import LOOPBACK, RunningServer
from inferencehealth.checker.attention import PULSE
from inferencehealth.checker.engine import Engine, Transition
from inferencehealth.checks import transports
from inferencehealth.checks.progress import PATIENCE
from inferencehealth.checks.steps import Answer, Peer, Request
from inferencehealth.checks.verdicts import Verdict
from tests.unit.checker.values import NAMESPACE, added, pod, report, spec

SCALE: Final = 30
FAILURES: Final = 3
LONG: Final = 60.0
"""Seconds after which a test that waits for something gives up; it needs a few."""


class Watch:
    """An engine that checks the server, and what it said of it."""

    def __init__(self, server: RunningServer, **check: Any) -> None:
        self.verdicts: list[tuple[Verdict, str, str]] = []
        self.asked = 0
        self._news = asyncio.Event()
        self.engine = Engine(
            ask=self._ask, identity="c", concurrency=9, mark=lambda _: None, told=self._told
        )
        asked = spec(
            endpoints=None,
            port=server.ports["http"],
            interval=10 / SCALE,
            timeout=5 / SCALE,
            failureThreshold=FAILURES,
            **check,
        )
        self.engine.on_report(added(report(check=asked)))
        work = self.engine.work((NAMESPACE, "triton"))
        assert work is not None
        if work.compiled.progress is not None:
            port = server.ports.get("metrics", 0)
            scaled = replace(work.compiled.progress, patience=PATIENCE / SCALE, port=port)
            work.compiled = replace(work.compiled, progress=scaled)
        self._first = work.compiled.steps[0].request.path
        self.engine.on_pod(added(pod(ip=LOOPBACK)))
        self.engine.start()

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

    async def rounds(self, count: int) -> None:
        """So many more rounds."""
        enough = self.asked + count
        async with asyncio.timeout(LONG):
            while self.asked < enough:
                await self._next()

    async def _next(self) -> None:
        self._news.clear()
        await self._news.wait()


@asynccontextmanager
async def watching(server: RunningServer, **check: Any) -> AsyncIterator[Watch]:
    """An engine at work on the server, which it has seen serve."""
    watch = Watch(server, **check)

    def pulse() -> None:
        watch.engine.attention.look()
        alarms.append(asyncio.get_running_loop().call_later(PULSE, pulse))

    alarms: list[asyncio.TimerHandle] = []
    pulse()
    running = asyncio.create_task(watch.engine.scheduler.run())
    await watch.until(Verdict.READY)
    try:
        yield watch
    finally:
        alarms[-1].cancel()
        running.cancel()
        await watch.engine.canaries.close()
