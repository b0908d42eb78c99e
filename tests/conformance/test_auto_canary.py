"""The canaries that profiles build, on the real v2 servers: found without a word in a policy."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.servers.kserve import process as kserve_process
from e2e.servers.mlserver import process as mlserver_process
from e2e.servers.prerequisites import ServerUnavailableError
from e2e.servers.processes import RunningServer, stopped_at_end
from e2e.servers.triton import process as triton_process
from e2e.servers.triton.repository import write_model
from inferencehealth.checks.verdicts import Verdict
from tests.conformance.engines import SCALE, watching

pytestmark = pytest.mark.conformance

AUTO = {"mode": "Auto", "interval": 60 / SCALE, "timeout": 10}
"""A dead model's answer takes Triton a second."""
MODELS = ("first", "second", "third")


@pytest.fixture
def triton(tmp_path: Path) -> Iterator[RunningServer]:
    repository = tmp_path / "repository"
    for name in MODELS:
        write_model(repository, "good", name=name)
    try:
        server = triton_process.start(repository, load=MODELS)
    except ServerUnavailableError as absent:
        pytest.skip(str(absent))
    yield server
    server.stop()


def required(*names: str) -> dict[str, Any]:
    return {"required": [{"name": name} for name in names]}


@pytest.mark.parametrize("dead", ["killed", "frozen"])
async def test_a_dead_model_is_found_by_zeros_that_its_metadata_tell(
    triton: RunningServer, dead: str
) -> None:
    sicken = triton_process.kill_model if dead == "killed" else triton_process.freeze_model
    async with watching(triton, profile="triton", models=required("first"), canary=AUTO) as watch:
        sicken(triton, "first")
        _, reason, message = await watch.until(Verdict.BROKEN)
        assert reason == "CanaryFailed"
        assert message.startswith("the canary POST /v2/models/first/infer is answered 500")
        if dead == "killed":
            for action in ("unload", "load"):
                triton.ask(f"/v2/repository/models/first/{action}", body="", timeout=60)
            await watch.until(Verdict.READY)


async def test_of_models_that_nobody_requires_a_dead_one_degrades_and_all_of_them_break(
    triton: RunningServer,
) -> None:
    async with watching(triton, profile="triton", models={}, canary=AUTO) as watch:
        triton_process.kill_model(triton, "second")
        _, reason, message = await watch.until(Verdict.DEGRADED)
        assert (reason, "/v2/models/second/" in message) == ("CanaryFailed", True)
        for name in ("first", "third"):
            triton_process.kill_model(triton, name)
        await watch.until(Verdict.BROKEN)


async def test_a_model_unloaded_after_it_broke_is_asleep_whatever_its_canary_found(
    triton: RunningServer,
) -> None:
    async with watching(triton, profile="triton", models={}, canary=AUTO) as watch:
        triton_process.kill_model(triton, "third")
        await watch.until(Verdict.DEGRADED)
        triton.ask("/v2/repository/models/third/unload", body="", timeout=60)
        await watch.until(Verdict.ASLEEP)


IN = {"name": "IN", "datatype": "FP32", "shape": [-1, 2]}


def mlserver(folder: Path, failing: Path) -> RunningServer:
    env = {"FAIL_FILE": str(failing)}
    return mlserver_process.start(folder, model="first", env=env, inputs=[IN])


def kserve(folder: Path, failing: Path) -> RunningServer:
    env = {"FAIL_FILE": str(failing), "INPUTS": json.dumps([IN])}
    return kserve_process.start(folder, model="first", env=env)


@pytest.mark.parametrize("start", [mlserver, kserve])
async def test_a_model_that_begins_to_fail_is_found_and_found_again_when_it_works(
    tmp_path: Path, start: Callable[[Path, Path], RunningServer]
) -> None:
    failing = tmp_path / "fail"
    try:
        server = start(tmp_path / "server", failing)
    except ServerUnavailableError as absent:
        pytest.skip(str(absent))
    with stopped_at_end(server):
        profile = start.__name__
        async with watching(
            server, profile=profile, models=required("first"), canary=AUTO
        ) as watch:
            await watch.canaries(1)
            failing.touch()
            _, reason, message = await watch.until(Verdict.BROKEN)
            assert reason == "CanaryFailed"
            assert message.startswith("the canary POST /v2/models/first/infer is answered 500")
            failing.unlink()
            await watch.until(Verdict.READY)


@pytest.mark.parametrize("start", [mlserver, kserve])
async def test_a_model_that_never_bore_zeros_is_a_finding_and_no_failure(
    tmp_path: Path, start: Callable[[Path, Path], RunningServer]
) -> None:
    failing = tmp_path / "fail"
    failing.touch()
    try:
        server = start(tmp_path / "server", failing)
    except ServerUnavailableError as absent:
        pytest.skip(str(absent))
    with stopped_at_end(server):
        profile = start.__name__
        async with watching(
            server, profile=profile, models=required("first"), canary=AUTO
        ) as watch:
            await watch.canaries(1)
            await watch.rounds(5)
            health = watch.health()
            assert health.verdict == "Ready"
            assert [finding.id for finding in health.findings] == ["CanaryUnproven"]
