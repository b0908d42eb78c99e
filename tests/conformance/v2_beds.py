"""Triton, MLServer and KServe's Python server, the three that speak the v2 protocol."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

from e2e.servers.kserve import process as kserve
from e2e.servers.mlserver import process as mlserver
from e2e.servers.processes import (
    RunningServer,
    ask,
    flooded,
    free_ports,
    stopped_on_failure,
    wait_until,
)
from e2e.servers.triton import process as triton
from e2e.servers.triton.repository import write_repository
from tests.conformance.beds import GOOD, Bed

LONG = "120"
NEVER = 60.0
COMPUTING = "8"
"""Seconds of one inference: longer than two rounds that get no answer."""
LIVE = "/v2/health/live"
INFER = json.dumps({"inputs": [{"name": "IN", "shape": [2], "datatype": "FP32", "data": [1, 2]}]})
CANARY = f"/v2/models/{GOOD}/infer"


def _status(server: RunningServer, path: str, body: str | None = None) -> int | None:
    answer = server.ask(path, body=body, timeout=NEVER)
    return answer.status if answer else None


def _flood(server: RunningServer) -> AbstractContextManager[None]:
    return flooded(server, CANARY, INFER, clients=32)


def _unload(server: RunningServer) -> None:
    assert _status(server, f"/v2/repository/models/{GOOD}/unload", "") == 200
    gone = partial(_not_ready, server)
    wait_until(server, gone, timeout=NEVER)


def _not_ready(server: RunningServer) -> bool:
    return _status(server, f"/v2/models/{GOOD}/ready") != 200


def _ready(server: RunningServer) -> RunningServer:
    with stopped_on_failure(server):
        wait_until(server, lambda: not _not_ready(server), timeout=NEVER)
    return server


def _triton(folder: Path, port: int, *, load: str = GOOD, wait: bool = True) -> RunningServer:
    repository = write_repository(folder / "repository")
    ports = (port, *free_ports(2))
    slow = {"SLOW_SECONDS": LONG}
    return triton.start(repository, load=[load], ports=ports, env=slow, wait=wait)


def _triton_starting(folder: Path, port: int) -> RunningServer:
    server = _triton(folder, port, load="slow", wait=False)
    with stopped_on_failure(server):
        wait_until(server, lambda: "loading: slow" in server.log.read_text(), timeout=NEVER)
    return server


def _triton_load(server: RunningServer) -> str:
    ask(server.url("/v2/repository/models/slow/load"), body="", timeout=0.2)
    wait_until(server, lambda: '"LOADING"' in _index(server), timeout=NEVER)
    return "slow"


def _index(server: RunningServer) -> str:
    answer = server.ask("/v2/repository/index", body="")
    return answer.body if answer else ""


def _triton_fail(server: RunningServer) -> str:
    assert _status(server, "/v2/repository/models/broken/load", "") == 400
    return "broken"


def _mlserver_fail(server: RunningServer) -> str:
    name = mlserver.write_broken(server.log.parent)
    assert _status(server, f"/v2/repository/models/{name}/load", "") == 500
    return name


def _mlserver(folder: Path, port: int) -> RunningServer:
    return _ready(mlserver.start(folder, port=port, env={"PREDICT_SECONDS": COMPUTING}))


def _mlserver_starting(folder: Path, port: int) -> RunningServer:
    return mlserver.start(folder, port=port, env={"SLOW_SECONDS": LONG})


def _kserve(folder: Path, port: int) -> RunningServer:
    env = {"LATE_SECONDS": LONG, "PREDICT_SECONDS": COMPUTING}
    return _ready(kserve.start(folder, port=port, env=env))


def _kserve_starting(folder: Path, port: int) -> RunningServer:
    return kserve.start(folder, port=port, env={"SLOW_SECONDS": LONG}, wait=False)


@contextmanager
def _stuck(server: RunningServer) -> Iterator[None]:
    """One inference that computes in the server's own event loop, as Python models do."""
    with flooded(server, CANARY, INFER, clients=1):
        wait_until(server, lambda: server.ask(LIVE, timeout=0.5) is None, timeout=NEVER)
        yield


TRITON = Bed(
    profile="triton",
    start=_triton,
    starting=_triton_starting,
    overload=_flood,
    load=_triton_load,
    fail=_triton_fail,
    unload=_unload,
)
MLSERVER = Bed(
    profile="mlserver",
    start=_mlserver,
    starting=_mlserver_starting,
    overload=_stuck,
    fail=_mlserver_fail,
    unload=_unload,
)
KSERVE = Bed(
    profile="kserve",
    start=_kserve,
    starting=_kserve_starting,
    overload=_stuck,
    load=lambda _server: "late",
    fail=lambda _server: "broken",
    unload=_unload,
)
