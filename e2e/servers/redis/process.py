"""Debian's Redis as a process on loopback: the real dependency of the ASR stack."""

import socket
from pathlib import Path

from e2e.servers.prerequisites import locate
from e2e.servers.processes import (
    LOOPBACK,
    RunningServer,
    free_ports,
    launch,
    stopped_on_failure,
    wait_until,
)

_ANSWER_SECONDS = 10.0
_PING_SECONDS = 1.0


def start(folder: Path, *, port: int | None = None) -> RunningServer:
    """Start Redis on a port (default: a free one) without persistence, log and data in `folder`.

    Its port is `ports["redis"]`. Raises ServerUnavailableError when redis-server is not installed,
    StartError when it does not answer.
    """
    port = port or free_ports(1)[0]
    folder.mkdir(parents=True, exist_ok=True)
    server = launch(
        "redis",
        [
            *(locate("redis-server"), "--bind", LOOPBACK, "--port", str(port)),
            *("--dir", str(folder), "--save", "", "--appendonly", "no"),
            # A title would be written over the environment, by which a cluster knows its processes.
            *("--set-proc-title", "no"),
        ],
        ports={"redis": port},
        log=folder / "redis.log",
    )
    with stopped_on_failure(server):
        wait_until(server, lambda: _answers(port), timeout=_ANSWER_SECONDS)
    return server


def _answers(port: int) -> bool:
    try:
        with socket.create_connection((LOOPBACK, port), timeout=_PING_SECONDS) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(len(b"+PONG\r\n")) == b"+PONG\r\n"
    except OSError:
        return False
