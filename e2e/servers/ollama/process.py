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
from e2e.servers.llamacpp.gguf import TINY, Shape, write_model
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
    stopped_at_end,
    stopped_on_failure,
    wait_until,
)

INFERENCE = "/api/generate"
RUNNER = "ollama runner"
"""The words in the command line of a model's process."""

_ANSWER_SECONDS = 60.0  # an idle machine needs 1
_SHORT = {"num_predict": 1}
_ONE_THREAD = "PARAMETER num_thread 1"  # several would wait for each other on busy cores
_LONG = {"num_predict": 100}


def write_models(folder: Path, *models: str, shape: Shape = TINY) -> Path:
    """Make a folder of models for `start`, as a pull of each would leave it; returns it.

    A server runs meanwhile. The default `shape` has 0.5 MB and answers at once. Raises
    ServerUnavailableError or StartError.
    """
    folder.mkdir(parents=True)
    recipe = folder / "Modelfile"
    weights = write_model(folder / "model.gguf", shape)
    recipe.write_text(f"FROM {weights}\n{_ONE_THREAD}\n")
    with stopped_at_end(start(folder / "making", folder)) as server:
        for model in models:
            command = [str(build.binary()), "create", model, "-f", str(recipe)]
            run_to_end(command, env=_environment(server.ports["http"], folder))
    return folder


def start(
    folder: Path,
    models: Path,
    *,
    port: int | None = None,
    env: Mapping[str, str] | None = None,
    wait: bool = True,
) -> RunningServer:
    """Start Ollama in `folder` (made by this) over a folder of models, none of them loaded.

    With `wait`, returns when it answers. Raises ServerUnavailableError or StartError.
    """
    http = port or free_ports(1)[0]
    folder.mkdir(parents=True)
    server = launch(
        "ollama",
        [str(build.binary()), "serve"],
        ports={"http": http},
        log=folder / "ollama.log",
        env={**_environment(http, models), **(env or {})},
    )
    if wait:
        with stopped_on_failure(server):
            wait_until(server, lambda: server.ask("/") is not None, timeout=_ANSWER_SECONDS)
    return server


def _environment(port: int, models: Path) -> dict[str, str]:
    """One request at a time for each model, which stays loaded; nothing outside of `models`."""
    return {
        "HOME": str(models),
        "OLLAMA_HOST": f"{LOOPBACK}:{port}",
        "OLLAMA_MODELS": str(models),
        "OLLAMA_NUM_PARALLEL": "1",
        "OLLAMA_KEEP_ALIVE": "-1",
    }


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
    """The length of a `with` block in which so many clients ask for long answers."""
    asked = {"model": model, "prompt": "a", "stream": False, "options": _LONG}
    return crowd(server, INFERENCE, asked, clients=clients)
