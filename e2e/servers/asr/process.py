"""The ASR stack as processes on loopback: three programs of ours and a real Redis."""

import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from e2e.servers.processes import (
    LOOPBACK,
    RunningServer,
    free_ports,
    launch,
    stopped_on_failure,
    wait_until,
)
from e2e.servers.redis import process as redis

Program = Literal["api-server", "lightning-asr", "license-proxy"]

_ANSWER_SECONDS = 30.0
_CHECKOUT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True)
class Stack:
    """A running ASR stack; each member can be stopped or frozen alone."""

    api_server: RunningServer
    lightning_asr: RunningServer
    license_proxy: RunningServer
    redis: RunningServer

    def stop(self) -> None:
        """End all of them."""
        for server in (self.api_server, self.lightning_asr, self.license_proxy, self.redis):
            server.stop()


def start_stack(folder: Path, *, env: Mapping[str, str] | None = None) -> Stack:
    """Start all four, logs in `folder`, and return when the api-server is healthy.

    `env` is added to the environment of our three programs (see `settings.from_environment`).
    Raises ServerUnavailableError without a redis-server, StartError when one does not come up.
    """
    with ExitStack() as undo:
        database = redis.start(folder)
        undo.callback(database.stop)
        licence = start("license-proxy", folder, env=env)
        undo.callback(licence.stop)
        worker = start("lightning-asr", folder, env=env)
        undo.callback(worker.stop)
        upstream = {
            "LIGHTNING_ASR_URL": worker.url(""),
            "LICENSE_PROXY_URL": licence.url(""),
            "REDIS_URL": f"redis://{LOOPBACK}:{database.ports['redis']}",
        }
        front = start("api-server", folder, env={**upstream, **(env or {})})
        undo.pop_all()
    return Stack(front, worker, licence, database)


def start(
    program: Program,
    folder: Path,
    *,
    env: Mapping[str, str] | None = None,
    port: int | None = None,
    wait: bool = True,
) -> RunningServer:
    """Start one program on a port (default: a free one), its log in `folder`.

    `wait` for its /health to answer, on loopback's usual address; HOST in `env` names another.
    """
    port = port or free_ports(1)[0]
    server = launch(
        program,
        [sys.executable, "-m", "e2e.servers.asr", program],
        ports={"http": port},
        log=folder / f"{program}.log",
        env={"PYTHONPATH": str(_CHECKOUT), "HOST": LOOPBACK, **(env or {}), "PORT": str(port)},
    )
    if wait:
        with stopped_on_failure(server):
            wait_until(server, lambda: server.ask("/health") is not None, timeout=_ANSWER_SECONDS)
    return server
