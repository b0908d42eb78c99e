"""llama-server as a process on loopback, with a model that the suite writes."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from e2e.servers.crowd import crowd
from e2e.servers.llamacpp import build
from e2e.servers.llamacpp.gguf import TINY, Shape, write_model
from e2e.servers.processes import (
    LOOPBACK,
    RunningServer,
    free_ports,
    launch,
    stopped_on_failure,
    wait_until,
)

INFERENCE = "/v1/completions"
_ANSWER_SECONDS = 60.0  # the port opens at once, on an idle machine
_ENDLESS = {"prompt": "a", "max_tokens": -1, "ignore_eos": True}
SLOTS = 2


def start(
    folder: Path,
    *,
    model: str = "good",
    shape: Shape = TINY,
    port: int | None = None,
    args: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    wait: bool = True,
) -> RunningServer:
    """Start llama-server with SLOTS slots in `folder` (made by this), serving one model.

    The port opens at once; a large `shape` makes the load long. With `wait`, returns when HTTP
    answers, which is before the model serves. Raises ServerUnavailableError or StartError.
    """
    binary = build.binary()
    folder.mkdir(parents=True)
    weights = write_model(folder / "model.gguf", shape)
    http = port or free_ports(1)[0]
    command = [
        str(binary),
        *("--model", str(weights), "--alias", model),
        *("--host", LOOPBACK, "--port", str(http), "--offline"),
        *("--parallel", str(SLOTS), "--threads", "1", "--metrics", "--slots"),
        *("--context-shift", "--load-mode", "none"),  # answers without end; a load that is a load
        *args,
    ]
    log = folder / "llama-server.log"
    server = launch("llama-server", command, ports={"http": http}, log=log, env=env)
    if wait:
        with stopped_on_failure(server):
            wait_until(server, lambda: server.ask("/health") is not None, timeout=_ANSWER_SECONDS)
    return server


def load(server: RunningServer, clients: int) -> AbstractContextManager[None]:
    """The length of a `with` block in which so many clients ask for answers without end."""
    return crowd(server, INFERENCE, _ENDLESS, clients=clients)
