"""Where the other two servers of the v2 protocol answer unlike Triton, seen on the real ones."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from e2e.servers.kserve import process as kserve
from e2e.servers.mlserver import process as mlserver
from e2e.servers.prerequisites import ServerUnavailableError
from e2e.servers.processes import (
    RunningServer,
    stopped_at_end,
    stopped_on_failure,
    wait_until,
)

pytestmark = pytest.mark.conformance

NEVER = 60.0
LONG_LOAD = {"SLOW_SECONDS": "120"}
CANARY = json.dumps({"inputs": [{"name": "IN", "shape": [2], "datatype": "FP32", "data": [1, 2]}]})


def started(start: Callable[[], RunningServer]) -> Iterator[RunningServer]:
    try:
        server = start()
    except ServerUnavailableError as absent:
        pytest.skip(str(absent))
    with stopped_at_end(server):
        yield server


@pytest.fixture
def loading_mlserver(tmp_path: Path) -> Iterator[RunningServer]:
    yield from started(lambda: mlserver.start(tmp_path / "mlserver", env=LONG_LOAD))


@pytest.fixture
def loaded_mlserver(tmp_path: Path) -> Iterator[RunningServer]:
    yield from started(lambda: until_ready(mlserver.start(tmp_path / "mlserver")))


@pytest.fixture
def kserve_server(tmp_path: Path) -> Iterator[RunningServer]:
    yield from started(lambda: kserve.start(tmp_path))


def until_ready(server: RunningServer) -> RunningServer:
    with stopped_on_failure(server):
        wait_until(server, lambda: status(server, "/v2/health/ready") == 200, timeout=NEVER)
    return server


def status(server: RunningServer, path: str, body: str | None = None) -> int | None:
    answer = server.ask(path, body=body)
    return None if answer is None else answer.status


def body(server: RunningServer, path: str) -> object:
    answer = server.ask(path)
    assert answer is not None
    return json.loads(answer.body)


def test_mlserver_answers_while_its_model_loads(loading_mlserver: RunningServer) -> None:
    paths = ("/v2/health/live", "/v2/health/ready", "/v2/models/good/ready", "/v2/models/good")
    assert [status(loading_mlserver, path) for path in paths] == [200, 400, 400, 200]


def test_mlserver_is_ready_when_its_model_is(loaded_mlserver: RunningServer) -> None:
    assert status(loaded_mlserver, "/v2/models/good/ready") == 200
    assert status(loaded_mlserver, "/v2/models/good/infer", CANARY) == 200


def test_mlserver_knows_an_unknown_model_from_one_that_loads(
    loading_mlserver: RunningServer,
) -> None:
    assert status(loading_mlserver, "/v2/models/nope/ready") == 404
    assert body(loading_mlserver, "/v2/models/nope/ready") == {"error": "Model nope not found"}


def test_kserve_says_ready_in_words(kserve_server: RunningServer) -> None:
    assert body(kserve_server, "/v2/health/live") == {"live": True}
    assert body(kserve_server, "/v2/health/ready") == {"ready": True}
    assert body(kserve_server, "/v2/models/good/ready") == {"name": "good", "ready": True}
    assert body(kserve_server, "/v1/models/good") == {"name": "good", "ready": True}
    assert body(kserve_server, "/v2/models") == {"models": ["good"]}
    assert body(kserve_server, "/") == {"status": "alive"}
    assert status(kserve_server, "/v2/models/good/infer", CANARY) == 200


def test_kserve_knows_no_unknown_model(kserve_server: RunningServer) -> None:
    assert status(kserve_server, "/v2/models/nope/ready") == 404
    assert body(kserve_server, "/v2/models/nope/ready") == {
        "error": "Model with name nope does not exist."
    }
