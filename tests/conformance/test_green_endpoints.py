"""What green endpoints hide on the real Triton, and the canary that finds it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.servers.prerequisites import ServerUnavailableError
from e2e.servers.processes import RunningServer, ask, wait_until
from e2e.servers.triton import process
from e2e.servers.triton.repository import MODELS, write_repository
from inferencehealth.checks.progress import Sample, sample
from inferencehealth.checks.steps import Answer, Outcome
from inferencehealth.checks.verdicts import Verdict
from inferencehealth.profiles.triton import PROGRESS
from tests.conformance.engines import SCALE, watching

pytestmark = pytest.mark.conformance

INFER = {"inputs": [{"name": "IN", "shape": [2], "datatype": "FP32", "data": [1, 2]}]}
CANARY = {
    "mode": "Custom",
    "path": "/v2/models/good/infer",
    "body": INFER,
    "interval": 60 / SCALE,
    "timeout": 10,  # a dead model's answer takes Triton a second
    "expect": {"jsonSchema": {"required": ["outputs"]}},
}
GREEN = ("/v2/health/live", "/v2/health/ready", "/v2/models/good/ready")


@pytest.fixture
def triton(tmp_path: Path) -> Iterator[RunningServer]:
    repository = write_repository(tmp_path / "repository", MODELS)
    try:
        server = process.start(repository, load=["good"])
    except ServerUnavailableError as absent:
        pytest.skip(str(absent))
    yield server
    server.stop()


async def test_a_model_whose_process_died_is_broken_although_every_endpoint_is_green(
    triton: RunningServer,
) -> None:
    required = {"required": [{"name": "good"}]}
    async with watching(triton, profile="triton", models=required, canary=CANARY) as watch:
        process.kill_model(triton, "good")
        _, reason, message = await watch.until(Verdict.BROKEN)
        assert reason == "CanaryFailed"
        assert message.startswith("the canary POST /v2/models/good/infer is answered 500")
        for path in GREEN:
            answer = triton.ask(path)
            assert answer is not None
            assert answer.status == 200
        for action in ("unload", "load"):
            triton.ask(f"/v2/repository/models/good/{action}", body="", timeout=60)
        await watch.until(Verdict.READY)


def test_tritons_own_counters_tell_which_model_works(triton: RunningServer) -> None:
    metrics = triton.url("/metrics", "metrics")
    # Triton opens this port after the one for inference.
    wait_until(triton, lambda: ask(metrics) is not None, timeout=30)

    def look(model: str) -> Sample | None:
        page = ask(metrics)
        assert page is not None
        return sample(
            PROGRESS, Answer(Outcome.ANSWERED, 200, page.body.encode()), None, 0, model=model
        )

    before = look("good")
    answer = triton.ask("/v2/models/good/infer", body=json.dumps(INFER))
    assert answer is not None
    assert answer.status == 200
    after = look("good")
    assert before is not None
    assert after is not None
    assert (before.done, after.done, after.failed) == (0, 1, 0)
    assert look("broken") is None
