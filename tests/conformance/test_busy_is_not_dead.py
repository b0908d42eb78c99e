"""Busy is not dead: the whole engine, and a copy of the kubelet, over a server that really blocks.

All times are those of the defaults for vLLM, divided by SCALE.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from e2e.servers.blocking import process
from e2e.servers.processes import LOOPBACK, RunningServer
from inferencehealth.checks import transports
from inferencehealth.checks.steps import Outcome, Peer, Request
from inferencehealth.checks.verdicts import Verdict
from inferencehealth.kubelet import Numbers, numbers_of
from inferencehealth.plan import plan
from tests.conformance.engines import FAILURES, LONG, SCALE, watching
from tests.unit.plan.given import a_policy, deployment

pytestmark = pytest.mark.conformance

BLOCK: Final = 30 / SCALE
VLLM: Final[dict[str, Any]] = {"profile": "vllm", "models": {"required": [{"name": "tiny"}]}}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    running = process.start(tmp_path, block_seconds=BLOCK)
    yield running
    running.stop()


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
    async with watching(server, **VLLM) as watch:
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
    async with watching(server, **VLLM) as watch:
        process.become(server, "stuck")
        _, reason, message = await watch.until(Verdict.BROKEN)
        assert reason == "NoProgress"
        assert "1,372 waiting, 128 running; 0 tokens in" in message
        process.become(server, "idle")
        await watch.until(Verdict.READY)


async def test_a_server_that_hangs_altogether_is_broken_and_restarted(
    server: RunningServer,
) -> None:
    async with watching(server, **VLLM) as watch:
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
    async with watching(server, **VLLM, canary=canary) as watch:
        process.become(server, "frozen")
        answer = server.ask("/health")
        assert answer is not None
        assert answer.status == 200
        _, reason, message = await watch.until(Verdict.BROKEN)
        assert reason == "CanaryTimedOut"
        assert "POST /v1/completions gets no answer" in message
        process.become(server, "idle")
        await watch.until(Verdict.READY)


async def test_an_engine_that_freezes_under_load_behind_a_green_endpoint_is_found_without_a_canary(
    server: RunningServer,
) -> None:
    canary: dict[str, object] = {"mode": "Auto", "interval": 60 / SCALE, "timeout": 10 / SCALE}
    async with watching(server, **VLLM, canary=canary) as watch:
        process.become(server, "loaded")
        async with asyncio.timeout(LONG):
            while not watch.engine.canaries.skipped:
                await watch.rounds(1)
        sent = watch.engine.canaries.sent
        assert watch.history.verdict is Verdict.READY, "slow or not, tokens flow"
        process.become(server, "jammed")
        answer = server.ask("/health")
        assert answer is not None
        assert answer.status == 200
        _, reason, message = await watch.until(Verdict.BROKEN)
        assert reason == "NoProgress"
        assert "1,372 waiting, 128 running; 0 tokens in" in message
        assert watch.engine.canaries.sent == sent, "no canary joined their queue"
        process.become(server, "loaded")
        await watch.until(Verdict.READY)
