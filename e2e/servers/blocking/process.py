"""The blocking server as a process on loopback."""

import sys
import urllib.request
from pathlib import Path

from e2e.servers.processes import RunningServer, free_ports, launch, wait_until

_START_SECONDS = 30.0  # it needs a fifth of a second; a loaded machine more


def start(folder: Path, *, block_seconds: float) -> RunningServer:
    """Start it, its log in `folder`, and wait until it serves; it begins idle.

    `block_seconds` is how long a busy engine holds up /health at a time.
    """
    http, control = free_ports(2)
    server = launch(
        "blocking",
        [sys.executable, "-m", "e2e.servers.blocking.server", str(http), str(control)],
        ports={"http": http, "control": control},
        log=folder / "blocking.log",
        env={"BLOCK_SECONDS": str(block_seconds)},
    )
    wait_until(server, lambda: server.ask("/health") is not None, timeout=_START_SECONDS)
    return server


def become(server: RunningServer, mode: str) -> None:
    """Change the server's mode; see server.py."""
    request = urllib.request.Request(server.url(f"/{mode}", "control"), method="PUT")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    opener.open(request, timeout=5).close()
