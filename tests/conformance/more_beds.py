"""Servers that install from a registry but not in every CI run: make conformance."""

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from e2e.servers.bentoml import process as bentoml
from e2e.servers.grpc_health import process as grpc_health
from e2e.servers.litserve import process as litserve
from e2e.servers.processes import (
    LOOPBACK,
    RunningServer,
    ask,
    flooded,
    stopped_on_failure,
    wait_until,
)
from e2e.servers.rayserve import process as rayserve
from e2e.servers.torchserve import process as torchserve
from tests.conformance.beds import GOOD, Bed

LONG = {"SLOW_SECONDS": "120"}
COMPUTING = {"PREDICT_SECONDS": "3"}
FAILING = {"LOAD_FAILS": "1"}
NEVER = 90.0
"""Seconds; Ray needs 30 on two busy cores."""

_Start = Callable[..., RunningServer]


def _answering(
    start: _Start, path: str, folder: Path, port: int, *, env: Mapping[str, str] = COMPUTING
) -> RunningServer:
    """The server as soon as it answers 200 on the path."""
    server = start(folder, port=port, env=env)
    with stopped_on_failure(server):
        wait_until(server, lambda: _ok(server, path), timeout=NEVER)
    return server


def _begun(start: _Start, folder: Path, port: int) -> RunningServer:
    """The server whose port stays closed while it loads."""
    return start(folder, port=port, env=LONG)


def _loading(start: _Start, said: str, folder: Path, port: int) -> RunningServer:
    """The server as soon as its log shows that it loads."""
    return _logged(start, said, LONG, folder, port)


def _failed(start: _Start, said: str, folder: Path, port: int) -> RunningServer:
    """The server as soon as its log shows that its load failed."""
    return _logged(start, said, FAILING, folder, port)


def _logged(
    start: _Start, said: str, env: Mapping[str, str], folder: Path, port: int
) -> RunningServer:
    server = start(folder, port=port, env=env)
    with stopped_on_failure(server):
        wait_until(server, lambda: said in server.log.read_text(), timeout=NEVER)
    return server


def _ok(server: RunningServer, path: str) -> bool:
    answer = server.ask(path)
    return answer is not None and answer.status == 200


def _flood(path: str, body: str, server: RunningServer) -> AbstractContextManager[None]:
    return flooded(server, path, body, clients=32)


def _grpc(folder: Path, port: int, *, env: Mapping[str, str] | None = None) -> RunningServer:
    return grpc_health.start(folder, port=port, env=env)


def _torchserve_fail(server: RunningServer) -> str:
    asked = {"url": "broken.mar", "initial_workers": 1, "synchronous": False}
    url = f"http://{LOOPBACK}:{torchserve.MANAGEMENT_PORT}/models"
    ask(url, body=json.dumps(asked), timeout=NEVER)
    failed = partial(_torchserve_has_tried, server)
    wait_until(server, failed, timeout=NEVER)
    return "broken"


def _torchserve_has_tried(server: RunningServer) -> bool:
    return "CUDA OOM" in server.log.read_text()


GRPC = Bed(
    profile="grpc",
    names="components",
    start=_grpc,
    starting=partial(_grpc, env=LONG),
    load=lambda _server: "slow",
    unload=grpc_health.take_out,
)
LITSERVE = Bed(
    profile="litserve",
    names="nothing",
    start=partial(_answering, litserve.start, "/health"),
    starting=partial(_begun, litserve.start),
    failing=partial(_failed, litserve.start, "CUDA OOM"),
    overload=partial(_flood, "/predict", json.dumps({"input": 1})),
)
BENTOML = Bed(
    profile="bentoml",
    names="nothing",
    start=partial(_answering, bentoml.start, "/readyz"),
    starting=partial(_loading, bentoml.start, "Starting production"),
    failing=partial(_failed, bentoml.start, "CUDA OOM"),
    overload=partial(_flood, "/echo", json.dumps({"text": "a"})),
    unload=bentoml.take_out,
)
RAYSERVE = Bed(
    profile="rayserve",
    start=partial(_answering, rayserve.start, "/"),
    starting=partial(_answering, rayserve.start, "/-/healthz", env=LONG),
    failing=partial(_failed, rayserve.start, "Deploying application good failed"),
    overload=partial(_flood, "/", "{}"),
)
TORCHSERVE = Bed(
    profile="torchserve",
    start=partial(_answering, torchserve.start, f"/predictions/{GOOD}"),
    starting=partial(_answering, torchserve.start, "/ping", env=LONG),
    overload=partial(_flood, f"/predictions/{GOOD}", "{}"),
    fail=_torchserve_fail,
)
