"""What the real Triton answers in each state: the facts the Triton profile is built on.

Every number here was first seen on Triton 2.51.0; a newer version that answers otherwise fails
this test before it misleads a user.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from e2e.servers.prerequisites import ServerUnavailableError
from e2e.servers.processes import RunningServer, ask, wait_until
from e2e.servers.triton import process
from e2e.servers.triton.repository import MODELS, write_repository

pytestmark = pytest.mark.conformance

LONG_LOAD = {"SLOW_SECONDS": "120"}  # longer than any test: it is loading until the server ends
NEVER = 60.0  # seconds after which a state that should come is called missing
CANARY = json.dumps({"inputs": [{"name": "IN", "shape": [2], "datatype": "FP32", "data": [1, 2]}]})


@dataclass(frozen=True)
class Seen:
    """HTTP codes of the four health paths for one model, and its state in the repository index."""

    live: int | None
    ready: int | None
    model_ready: int | None
    model: int | None
    index: str | None


@pytest.fixture
def triton(tmp_path: Path) -> Iterator[Callable[..., RunningServer]]:
    started: list[RunningServer] = []

    def start(*load: str, **options: object) -> RunningServer:
        try:
            server = process.start(repository, load=load, **options)  # type: ignore[arg-type]
        except ServerUnavailableError as absent:
            pytest.skip(str(absent))
        started.append(server)
        return server

    repository = write_repository(tmp_path / "repository", MODELS)
    yield start
    for server in started:
        server.stop()


def codes(server: RunningServer, model: str) -> Seen:
    return Seen(
        live=_status(server, "/v2/health/live"),
        ready=_status(server, "/v2/health/ready"),
        model_ready=_status(server, f"/v2/models/{model}/ready"),
        model=_status(server, f"/v2/models/{model}"),
        index=index_state(server, model),
    )


def _status(server: RunningServer, path: str, body: str | None = None) -> int | None:
    answer = server.ask(path, body=body)
    return None if answer is None else answer.status


def index_state(server: RunningServer, model: str) -> str | None:
    answer = server.ask("/v2/repository/index", body="")
    if answer is None:
        return None
    found = [entry for entry in json.loads(answer.body) if entry["name"] == model]
    return found[0].get("state", "") if found else None


def load(server: RunningServer, model: str) -> int | None:
    return _status(server, f"/v2/repository/models/{model}/load", body="")


def ask_to_load(server: RunningServer, model: str) -> None:
    """Ask for a load that will not end within the test, and do not wait for its answer."""
    ask(server.url(f"/v2/repository/models/{model}/load"), body="", timeout=0.2)
    wait_until(server, lambda: index_state(server, model) == "LOADING", timeout=NEVER)


def test_a_loaded_model_is_green_everywhere(triton: Callable[..., RunningServer]) -> None:
    server = triton("good")
    assert codes(server, "good") == Seen(200, 200, 200, 200, "READY")
    assert _status(server, "/v2/models/good/infer", body=CANARY) == 200


def test_triton_refuses_connections_while_it_loads_at_start(
    triton: Callable[..., RunningServer],
) -> None:
    server = triton("slow", env=LONG_LOAD, wait=False)
    wait_until(server, lambda: "loading: slow" in server.log.read_text(), timeout=NEVER)
    assert codes(server, "slow") == Seen(None, None, None, None, None)
    assert server.process.poll() is None


def test_a_model_loading_through_the_repository_api_is_not_ready_and_not_known(
    triton: Callable[..., RunningServer],
) -> None:
    server = triton("good", env=LONG_LOAD)
    ask_to_load(server, "slow")
    assert codes(server, "slow") == Seen(200, 400, 400, 404, "LOADING")
    assert codes(server, "good") == Seen(200, 400, 200, 200, "READY")


def test_an_unloaded_model_does_not_serve_though_the_server_calls_itself_ready(
    triton: Callable[..., RunningServer],
) -> None:
    server = triton("good")
    assert _status(server, "/v2/repository/models/good/unload", body="") == 200
    # While it is UNLOADING, for about a second, /v2/health/ready is 400.
    wait_until(server, lambda: index_state(server, "good") == "UNAVAILABLE", timeout=NEVER)
    answer = server.ask("/v2/repository/index", body="")
    assert answer is not None
    assert '"reason":"unloaded"' in answer.body
    assert codes(server, "good") == Seen(200, 200, 400, 404, "UNAVAILABLE")


def test_a_failed_load_takes_the_server_out_while_other_models_serve(
    triton: Callable[..., RunningServer],
) -> None:
    server = triton("good")
    assert load(server, "broken") == 400
    assert codes(server, "broken") == Seen(200, 400, 400, 404, "UNAVAILABLE")
    assert codes(server, "good") == Seen(200, 400, 200, 200, "READY")
    answer = server.ask("/v2/repository/index", body="")
    assert answer is not None
    assert "Internal: RuntimeError: CUDA OOM" in answer.body


def test_unloading_a_model_that_failed_does_not_mend_the_server(
    triton: Callable[..., RunningServer],
) -> None:
    server = triton("good", "broken")
    assert _status(server, "/v2/repository/models/broken/unload", body="") == 200
    assert codes(server, "good") == Seen(200, 400, 200, 200, "READY")


def test_an_unknown_model_reads_like_one_that_is_not_ready(
    triton: Callable[..., RunningServer],
) -> None:
    server = triton("good")
    assert codes(server, "nope") == Seen(200, 200, 400, 404, None)
    unknown, unloaded = (server.ask(f"/v2/models/{name}/ready") for name in ("nope", "slow"))
    assert unknown is not None
    assert unknown == unloaded


def test_a_killed_model_process_shows_in_inference_alone(
    triton: Callable[..., RunningServer],
) -> None:
    server = triton("good")
    process.kill_model(server, "good")
    answer = server.ask("/v2/models/good/infer", body=CANARY)
    assert answer is not None
    assert answer.status == 500
    assert "is not healthy" in answer.body
    assert codes(server, "good") == Seen(200, 200, 200, 200, "READY")
