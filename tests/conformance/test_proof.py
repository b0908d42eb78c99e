"""What `ihp check --canary` finds on the real Triton, and counters on a port of its own."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.servers.prerequisites import ServerUnavailableError
from e2e.servers.processes import LOOPBACK, RunningServer, ask, wait_until
from e2e.servers.triton import process
from e2e.servers.triton.repository import write_model
from inferencehealth.checker.exchange import Exchange
from inferencehealth.checker.once import Checked, check_once
from inferencehealth.checker.proof import Proof, with_canary
from inferencehealth.checker.rounds import compile_check
from inferencehealth.checks import transports
from inferencehealth.checks.progress import Sample
from inferencehealth.checks.steps import Peer, Sign
from inferencehealth.checks.verdicts import Verdict
from inferencehealth.profiles.auto_canary import Target
from tests.conformance.rounds import spec

pytestmark = pytest.mark.conformance

PEER = Peer(LOOPBACK)


@pytest.fixture
def triton(tmp_path: Path) -> Iterator[RunningServer]:
    repository = tmp_path / "repository"
    for name in ("first", "second"):
        write_model(repository, "good", name=name)
    try:
        server = process.start(repository, load=["first", "second"])
    except ServerUnavailableError as absent:
        pytest.skip(str(absent))
    yield server
    server.stop()


def checked(server: RunningServer, *required: str, proof: Proof | None = None) -> Checked:
    check = spec("triton", *required, port=server.ports["http"])
    return asyncio.run(check_once(check, PEER, transports.ask, proof))


def test_a_proof_tells_a_dead_model_from_green_endpoints(triton: RunningServer) -> None:
    found = checked(triton, "first", "second", proof=Proof())
    assert found.verdict is Verdict.READY
    assert {item.name: item.sign for item in found.canaries} == {
        "first": Sign.SERVES,
        "second": Sign.SERVES,
    }
    process.kill_model(triton, "second")
    assert checked(triton, "first", "second").verdict is Verdict.READY, "every endpoint is green"
    found = checked(triton, "first", "second", proof=Proof())
    assert (found.verdict, found.reason) == (Verdict.BROKEN, "CanaryFailed")
    assert "/v2/models/second/infer is answered 500" in found.message
    assert {item.name: item.sign for item in found.models} == {
        "first": Sign.SERVES,
        "second": Sign.FAILS,
    }


async def test_counters_are_read_where_metrics_port_says(triton: RunningServer) -> None:
    metrics = triton.url("/metrics", "metrics")
    # Triton opens this port after the one for inference.
    wait_until(triton, lambda: ask(metrics) is not None, timeout=30)
    ports = {"port": triton.ports["http"], "metricsPort": triton.ports["metrics"]}
    check = with_canary(spec("triton", "first", **ports))

    async def look(before: Sample | None = None) -> Sample:
        exchange = Exchange(
            transports.ask,
            PEER,
            compile_check(check),
            Target("first"),
            None,
            "",
            asyncio.get_running_loop().time,
        )
        seen = await exchange.look(before)
        assert seen is not None
        return seen

    before = await look()
    await check_once(check, PEER, transports.ask, Proof())
    after = await look(before)
    assert after.done == before.done + 1, "the canary is counted, and nothing else"
