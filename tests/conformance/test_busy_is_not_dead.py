"""Busy is not dead: the whole engine, and a copy of the kubelet, over a server that really blocks.

All times are those of the defaults for vLLM, divided by SCALE.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from e2e.servers.blocking import process
from e2e.servers.processes import LOOPBACK, RunningServer
from inferencehealth.checker.attention import PULSE
from inferencehealth.checker.engine import Engine, Transition
from inferencehealth.checks import transports
from inferencehealth.checks.progress import PATIENCE
from inferencehealth.checks.steps import Answer, Outcome, Peer, Request
from inferencehealth.checks.verdicts import Verdict
from inferencehealth.kubelet import Numbers, numbers_of
from inferencehealth.plan import plan
from tests.unit.checker.values import NAMESPACE, added, pod, report, spec
from tests.unit.plan.given import a_policy, deployment

pytestmark = pytest.mark.conformance

SCALE: Final = 30
INTERVAL, TIMEOUT, BLOCK = 10 / SCALE, 5 / SCALE, 30 / SCALE
FAILURES: Final = 3
LONG: Final = 60.0
"""Seconds after which a test that waits for something gives up; it needs a few."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    running = process.start(tmp_path, block_seconds=BLOCK)
    yield running
    running.stop()


class Watch:
    """An engine that checks the server, and what it said of it."""

    def __init__(self, server: RunningServer, canary: dict[str, object] | None = None) -> None:
        self.verdicts: list[tuple[Verdict, str, str]] = []
        self.asked = 0
        self._news = asyncio.Event()
        self.engine = Engine(
            ask=self._ask, identity="c", concurrency=9, mark=lambda _: None, told=self._told
        )
        check = spec(
            profile="vllm",
            endpoints=None,
            port=server.ports["http"],
            models={"required": [{"name": "tiny"}]},
            interval=INTERVAL,
            timeout=TIMEOUT,
            failureThreshold=FAILURES,
            canary=canary,
        )
        self.engine.on_report(added(report(check=check)))
        work = self.engine.work((NAMESPACE, "triton"))
        assert work is not None
        assert work.compiled.progress is not None
        patient = replace(work.compiled.progress, patience=PATIENCE / SCALE)
        work.compiled = replace(work.compiled, progress=patient)
        self.engine.on_pod(added(pod(ip=LOOPBACK)))
        self.engine.start()

    async def _ask(self, peer: Peer, port: int, request: Request, *, timeout: float) -> Answer:  # noqa: ASYNC109
        if request.path == "/health":
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
async def watching(server: RunningServer, **options: dict[str, object]) -> AsyncIterator[Watch]:
    """An engine at work on the server, which it has seen serve."""
    watch = Watch(server, **options)

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


def liveness() -> Numbers:
    """What the plan gives a vLLM."""
    planned = plan(a_policy(), deployment({"image": "vllm/vllm-openai:v0.20.2", "args": ["m"]}))
    probe = next(each.wanted for each in planned.probes if each.kind == "livenessProbe")
    assert probe is not None
    assert probe["httpGet"]["path"] == "/health"
    return numbers_of(probe)


async def kubelet(server: RunningServer, numbers: Numbers) -> None:
    """The kubelet's liveness prober, its seconds scaled; ends when it would restart the container.

    After pkg/kubelet/prober (worker.go): a probe a period, a probe that lasts longer delays the
    next, failures in a row count.
    """
    loop, failures, tick = asyncio.get_running_loop(), 0, asyncio.Event()
    while failures < numbers.failures:
        due = loop.call_later(numbers.period / SCALE, tick.set)
        tick.clear()
        answer = await transports.ask(
            Peer(LOOPBACK),
            server.ports["http"],
            Request("/health"),
            timeout=numbers.timeout / SCALE,
        )
        good = answer.outcome is Outcome.ANSWERED and 200 <= answer.status < 400
        failures = 0 if good else failures + 1
        await tick.wait()
        due.cancel()


async def test_a_server_that_is_slow_while_its_tokens_flow_is_busy_and_lives(
    server: RunningServer,
) -> None:
    async with watching(server) as watch:
        prober = asyncio.create_task(kubelet(server, liveness()))
        process.become(server, "busy")
        _, reason, message = await watch.until(Verdict.BUSY)
        assert reason in {"Progressing", "SlowAnswer"}
        assert "1,372 waiting, 128 running" in message
        # Longer than its failures need to count, and than the slowest answer.
        await watch.rounds(4 * FAILURES)
        assert Verdict.BROKEN not in {told[0] for told in watch.verdicts}
        assert not prober.done()
        prober.cancel()
        process.become(server, "idle")
        if watch.verdicts[-1][0] is not Verdict.READY:
            await watch.until(Verdict.READY)


async def test_a_server_whose_tokens_stand_still_is_broken(server: RunningServer) -> None:
    async with watching(server) as watch:
        process.become(server, "stuck")
        _, reason, message = await watch.until(Verdict.BROKEN)
        assert reason == "NoProgress"
        assert "1,372 waiting, 128 running; 0 tokens in" in message
        process.become(server, "idle")
        await watch.until(Verdict.READY)


async def test_a_server_that_hangs_altogether_is_broken_and_restarted(
    server: RunningServer,
) -> None:
    async with watching(server) as watch:
        prober = asyncio.create_task(kubelet(server, liveness()))
        server.freeze()
        _, reason, _ = await watch.until(Verdict.BROKEN)
        assert reason == "NoAnswer"
        async with asyncio.timeout(LONG):
            await prober
        server.thaw()


async def test_an_idle_engine_that_hangs_behind_a_green_endpoint_is_found_by_its_canary(
    server: RunningServer,
) -> None:
    canary: dict[str, object] = {
        "mode": "Custom",
        "path": "/v1/completions",
        "body": {"model": "tiny", "prompt": "a", "max_tokens": 1},
        "interval": 60 / SCALE,
        "timeout": 10 / SCALE,
    }
    async with watching(server, canary=canary) as watch:
        process.become(server, "frozen")
        answer = server.ask("/health")
        assert answer is not None
        assert answer.status == 200
        _, reason, message = await watch.until(Verdict.BROKEN)
        assert reason == "CanaryTimedOut"
        assert "POST /v1/completions gets no answer" in message
        process.become(server, "idle")
        await watch.until(Verdict.READY)
