"""Canaries in the whole engine: from a policy's word to a verdict and back."""

import asyncio
from typing import Any

from inferencehealth.checker.references import References
from inferencehealth.checks.steps import Answer, Peer, Request, Sign
from inferencehealth.checks.verdicts import Verdict
from inferencehealth.kube.errors import NotFound

from .test_engine import KEY, World, world
from .values import NOT_READY, OK, modified, pod, report, spec

CANARY = {"mode": "Custom", "path": "/infer", "interval": "30s"}


def canaried(**changes: Any) -> World:
    """A server whose health is good and whose inference fails."""
    w = world(report(check=spec(canary=CANARY | changes)), pod())

    async def ask(peer: Peer, port: int, request: Request, **_: float) -> Answer:
        return w.answers.get(request.path, OK)

    w.engine._ask = w.engine.canaries._ask = ask
    w.answers["/infer"] = NOT_READY
    return w


async def rounds(w: World, count: int) -> None:
    for _ in range(count):
        await w.round()
        for _ in range(10):
            await asyncio.sleep(0)


async def test_a_failing_canary_makes_a_pod_broken_and_a_good_one_makes_it_ready_again() -> None:
    w = canaried()
    await rounds(w, 10)
    assert w.checked().history.verdict is Verdict.BROKEN
    assert w.said().reason == "CanaryFailed"
    w.answers["/infer"] = OK
    await rounds(w, 10)
    assert w.said().verdict == "Ready"
    assert w.engine.canaries.sent >= 2


async def test_a_steady_failure_is_written_once() -> None:
    w = canaried()
    await rounds(w, 20)
    w.marked.clear()
    await rounds(w, 20)
    assert w.marked == []


async def test_another_canary_begins_without_what_the_old_one_found() -> None:
    w = canaried()
    await rounds(w, 10)
    before = report(check=spec(canary=CANARY))
    asks = spec(canary=CANARY | {"path": "/other"})
    w.engine.on_report(modified(before, check=asks, generation=2))
    await w.round()
    assert w.checked().history.verdict is Verdict.READY
    assert w.said().observed_generation == 2


async def test_a_server_whose_authorities_cannot_be_had_is_unknown() -> None:
    async def nothing(*_: object, **__: object) -> dict[str, Any]:
        raise NotFound(404, "NotFound", "no")

    tls = {"caFrom": {"configMap": {"name": "ca"}}, "serverName": "x"}
    w = world(report(check=spec(scheme="HTTPS", tls=tls)), pod())
    w.engine._references = References(nothing)
    reading = await w.engine._round(w.checked())
    assert reading.sign is Sign.UNKNOWN
    await rounds(w, 1)
    assert w.engine.render(KEY, None) is not None
    assert w.said().reason == "AuthoritiesUnreadable"
