"""The gRPC health service as a process on loopback."""

import os
import signal
import socket
from collections.abc import Mapping
from pathlib import Path

from e2e.servers import venvs
from e2e.servers.processes import (
    LOOPBACK,
    RunningServer,
    free_ports,
    launch,
    stopped_on_failure,
    wait_until,
)

_HERE = Path(__file__).parent
_ANSWER_SECONDS = 30.0


def start(
    folder: Path, *, port: int | None = None, env: Mapping[str, str] | None = None
) -> RunningServer:
    """Start the server, its log in `folder`; returns when its port (`grpc`) is open.

    SLOW_SECONDS in `env` is the time before anything serves. Raises ServerUnavailableError or
    StartError.
    """
    python = venvs.interpreter("grpc_health", _HERE / "requirements.txt")
    grpc = port or free_ports(1)[0]
    server = launch(
        "grpc_health",
        [str(python), str(_HERE / "server.py"), str(grpc)],
        ports={"grpc": grpc},
        log=folder / "grpc_health.log",
        env=env,
    )
    with stopped_on_failure(server):
        wait_until(server, lambda: _open(grpc), timeout=_ANSWER_SECONDS)
    return server


def take_out(server: RunningServer) -> None:
    """Let the service "good" say that it does not serve."""
    os.kill(server.process.pid, signal.SIGUSR1)


def _open(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex((LOOPBACK, port)) == 0
