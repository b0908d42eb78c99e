"""`ihp diagnose` finds the cause on the real Triton."""

import json
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from e2e.servers.prerequisites import ServerUnavailableError
from e2e.servers.processes import RunningServer
from e2e.servers.triton import process
from e2e.servers.triton.repository import MODELS, write_repository
from inferencehealth.cli.check import Output, Question
from inferencehealth.cli.diagnose import diagnose_target
from inferencehealth.cli.facts.cluster import Place

pytestmark = pytest.mark.conformance


@pytest.fixture(scope="module")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A Triton with one model that serves and one that failed to load."""
    folder = tmp_path_factory.mktemp("triton") / "repository"
    repository = write_repository(folder, MODELS)
    try:
        server = process.start(repository, load=("good", "broken"))
    except ServerUnavailableError as absent:
        pytest.skip(str(absent))
    yield server
    server.stop()


def diagnose(
    capsys: pytest.CaptureFixture[str], server: RunningServer, port: str = "http", model: str = ""
) -> dict[str, Any]:
    question = Question("triton", models=(model,) if model else (), timeout=2.0)
    diagnose_target(server.url("", port), question, Place(None, ""), Output.JSON)
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_the_model_that_failed_to_load_is_named_with_tritons_own_reason(
    capsys: pytest.CaptureFixture[str], triton: RunningServer
) -> None:
    found = diagnose(capsys, triton, model="broken")
    assert (found["cause"], found["verdict"]) == ("Model", "Broken")
    assert "broken" in found["message"]
    assert "CUDA OOM" in found["message"]


def test_the_grpc_port_is_no_http(
    capsys: pytest.CaptureFixture[str], triton: RunningServer
) -> None:
    assert diagnose(capsys, triton, "grpc")["cause"] in {"NotHttp", "Reset"}


def test_the_metrics_port_is_the_wrong_one(
    capsys: pytest.CaptureFixture[str], triton: RunningServer
) -> None:
    assert diagnose(capsys, triton, "metrics")["cause"] == "WrongPort"


def test_a_frozen_server_hangs(capsys: pytest.CaptureFixture[str], triton: RunningServer) -> None:
    os.kill(triton.process.pid, signal.SIGSTOP)
    try:
        found = diagnose(capsys, triton, model="good")
    finally:
        os.kill(triton.process.pid, signal.SIGCONT)
    assert (found["cause"], found["verdict"]) == ("Hung", "Broken")
