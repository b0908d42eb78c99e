"""KServe's Python server as a process on loopback, with one model."""

from collections.abc import Mapping
from pathlib import Path

from e2e.servers import venvs
from e2e.servers.processes import (
    RunningServer,
    free_ports,
    launch,
    stopped_on_failure,
    wait_until,
)

_HERE = Path(__file__).parent
_ANSWER_SECONDS = 90.0  # its imports alone take 5 to 15


def start(
    folder: Path,
    *,
    model: str = "good",
    port: int | None = None,
    env: Mapping[str, str] | None = None,
    wait: bool = True,
) -> RunningServer:
    """Start KServe's server with one model of that name, its log in `folder`.

    SLOW_SECONDS in `env` makes the load slow; the port opens after it, as with every model loaded
    before `ModelServer.start`. LATE_SECONDS adds a model "late" that loads beside it and one,
    "broken", whose load fails; PREDICT_SECONDS makes inference slow, and every one fails while
    there is a file at FAIL_FILE. INPUTS is what its metadata declare, as JSON. With `wait`,
    returns as soon as HTTP answers. Raises ServerUnavailableError or StartError.
    """
    python = venvs.interpreter("kserve", _HERE / "requirements.txt")
    http = port or free_ports(1)[0]
    server = launch(
        "kserve",
        [str(python), str(_HERE / "echo_server.py"), model, str(http)],
        ports={"http": http},
        log=folder / "kserve.log",
        env=env,
    )
    if wait:
        with stopped_on_failure(server):
            wait_until(
                server, lambda: server.ask("/v2/health/live") is not None, timeout=_ANSWER_SECONDS
            )
    return server
