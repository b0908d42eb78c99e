"""Ollama as a process on loopback, with a model that the suite writes.

It serves from the first moment; each model that a request asks for gets a process of its own, the
runner.
"""

import json
import signal
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from e2e.servers.crowd import crowd
from e2e.servers.llamacpp.gguf import Shape, write_model
from e2e.servers.ollama import build
from e2e.servers.processes import (
    LOOPBACK,
    RunningServer,
    StartError,
    ask,
    free_ports,
    launch,
    run_to_end,
    signal_part,
    stopped_on_failure,
    wait_until,
)

INFERENCE = "/api/generate"
RUNNER = "ollama runner"
"""The words in the command line of a model's process."""

_ANSWER_SECONDS = 60.0  # an idle machine needs 1
_SHORT = {"num_predict": 1}
_ENDLESS = {"num_predict": -1, "stop": []}


def start(
    folder: Path,
    *,
    model: str = "good",
    shape: Shape = Shape(),
    port: int | None = None,
    env: Mapping[str, str] | None = None,
    wait: bool = True,
) -> RunningServer:
    """Start Ollama in `folder` (made by this); with `wait`, returns when it has the model.

    It is created, as after a pull, and not loaded. The default `shape` has 0.5 MB and answers at once.
    Raises ServerUnavailableError or StartError.
    """
    binary = build.binary()
    folder.mkdir(parents=True)
    http = port or free_ports(1)[0]
    own = {
        "HOME": str(folder),
        "OLLAMA_HOST": f"{LOOPBACK}:{http}",
        "OLLAMA_MODELS": str(folder / "models"),
        "OLLAMA_NUM_PARALLEL": "1",
        "OLLAMA_KEEP_ALIVE": "-1",
        **(env or {}),
    }
    log = folder / "ollama.log"
    server = launch("ollama", [str(binary), "serve"], ports={"http": http}, log=log, env=own)
    if wait:
        with stopped_on_failure(server):
            wait_until(server, lambda: server.ask("/") is not None, timeout=_ANSWER_SECONDS)
            weights = write_model(folder / "model.gguf", shape)
            recipe = folder / "Modelfile"
            recipe.write_text(f"FROM {weights}\n")
            run_to_end([str(binary), "create", model, "-f", str(recipe)], env=own)
    return server


def load_model(server: RunningServer, model: str) -> None:
    """Bring the model into memory by a first request; raises StartError when that fails."""
    asked = {"model": model, "prompt": "a", "stream": False, "options": _SHORT}
    answer = ask(server.url(INFERENCE), body=json.dumps(asked), timeout=_ANSWER_SECONDS)
    if answer is None or answer.status != 200:
        raise StartError(f"Ollama did not load {model}: {answer}")


def unload_model(server: RunningServer, model: str) -> None:
    """Let the model out of memory, as its keep-alive would."""
    server.ask(INFERENCE, body=json.dumps({"model": model, "keep_alive": 0}), timeout=30)


def freeze_runner(server: RunningServer) -> None:
    """Stop the model's process from running; Ollama itself notices nothing."""
    signal_part(server, RUNNER, signal.SIGSTOP)


def thaw_runner(server: RunningServer) -> None:
    """Let a frozen runner run again."""
    signal_part(server, RUNNER, signal.SIGCONT)


def kill_runner(server: RunningServer) -> None:
    """Kill the model's process, as the kernel does when memory runs out."""
    signal_part(server, RUNNER, signal.SIGKILL)


def load(server: RunningServer, clients: int, model: str = "good") -> AbstractContextManager[None]:
    """The length of a `with` block in which so many clients ask for answers without end."""
    asked = {"model": model, "prompt": "a", "stream": False, "options": _ENDLESS}
    return crowd(server, INFERENCE, asked, clients=clients)
