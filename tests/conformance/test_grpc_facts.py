"""Triton asked over gRPC by profile `grpc`: what each state of a model looks like there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.servers.prerequisites import ServerUnavailableError
from e2e.servers.processes import RunningServer
from e2e.servers.triton import process
from e2e.servers.triton.repository import MODELS, write_repository
from inferencehealth.checker.rounds import check_pod, compile_check
from inferencehealth.checks.steps import Peer, Reading
from inferencehealth.checks.transports import ask
from tests.unit.profiles.given import spec

pytestmark = pytest.mark.conformance


@pytest.fixture
def triton(tmp_path: Path) -> Iterator[RunningServer]:
    repository = write_repository(tmp_path / "repository", MODELS)
    try:
        server = process.start(repository, load=["good"])
    except ServerUnavailableError as absent:
        pytest.skip(str(absent))
    yield server
    server.stop()


async def read(server: RunningServer, *models: str) -> Reading:
    named = [model.partition(":") for model in models]
    required = [{"name": name, "version": version} for name, _, version in named]
    check = spec("grpc", port=server.ports["grpc"], models={"required": required})
    return await check_pod(compile_check(check), Peer("127.0.0.1"), ask)


async def test_models_are_told_apart_over_grpc(triton: RunningServer) -> None:
    seen = {
        model: (await read(triton, model) if model else await read(triton)).sign.value
        for model in ("good", "good:1", "good:7", "slow", "nobody", "")
    }
    assert seen == {
        "good": "Serves",
        "good:1": "Serves",
        "good:7": "NotReady",
        "slow": "NotReady",
        "nobody": "NotReady",
        "": "Serves",
    }
    malformed = await read(triton, "good:x")
    assert (malformed.sign.value, malformed.reason) == ("Fails", "ModelNotFound")


async def test_a_model_that_nobody_requires_degrades_and_health_alone_would_say_not_ready(
    triton: RunningServer,
) -> None:
    triton.ask("/v2/repository/models/broken/load", body="")
    by_models = await read(triton, "good")
    by_health = await read(triton)
    assert (by_models.sign.value, by_models.reason) == ("Degraded", "ServerNotReady")
    assert (by_health.sign.value, by_health.reason) == ("NotReady", "NotServing")
    triton.ask("/v2/repository/models/good/unload", body="")
    assert (await read(triton, "good")).reason == "ModelNotReady"
