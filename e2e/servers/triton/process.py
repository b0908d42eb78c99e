"""Triton as a process on loopback, for tests, benchmarks and the demo without root."""

import os
import signal
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path

from e2e.servers.processes import (
    LOOPBACK,
    RunningServer,
    free_ports,
    launch,
    signal_part,
    stopped_on_failure,
    wait_until,
)
from e2e.servers.triton import wheel

_ANSWER_SECONDS = 60.0  # an idle machine needs 1; two busy cores with a cold disk, 20


def start(
    repository: Path,
    *,
    load: Sequence[str] = (),
    ports: tuple[int, int, int] | None = None,
    args: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    log: Path | None = None,
    wait: bool = True,
) -> RunningServer:
    """Start Triton with explicit model control over a model repository.

    `load` names the models to load at start; Triton opens no port before they are loaded or have
    failed. `ports` are those of http, grpc and metrics (default: free ones), also the names in
    `RunningServer.ports`. With `wait`, returns as soon as HTTP answers. `log` defaults to a file
    beside the repository. Raises ServerUnavailableError when the server cannot be had, StartError
    when it ends at once or never answers.
    """
    tree = wheel.server_tree(f"{sys.version_info.major}.{sys.version_info.minor}")
    http, grpc, metrics = ports or free_ports(3)
    command = [
        str(wheel.binary(tree)),
        f"--model-repository={repository}",
        f"--backend-directory={wheel.backends(tree)}",
        *(f"--http-address={LOOPBACK}", f"--http-port={http}"),
        *(f"--grpc-address={LOOPBACK}", f"--grpc-port={grpc}"),
        *(f"--metrics-address={LOOPBACK}", f"--metrics-port={metrics}"),
        *("--model-control-mode=explicit", "--exit-on-error=false"),
        *(f"--load-model={name}" for name in load),
        *args,
    ]
    server = launch(
        "triton",
        command,
        ports={"http": http, "grpc": grpc, "metrics": metrics},
        log=log or repository.with_name(f"{repository.name}.triton.log"),
        env={**_python_for_the_stub(), **(env or {})},
    )
    if not wait:
        return server
    with stopped_on_failure(server):
        wait_until(server, lambda: server.ask("/v2") is not None, timeout=_ANSWER_SECONDS)
    return server


def kill_model(server: RunningServer, model: str) -> None:
    """Kill the process a Python model runs in, as the kernel does when memory runs out.

    Triton notices nothing: see the table of facts in tests/conformance/test_triton_facts.py.
    """
    signal_part(server, f"/{model}/", signal.SIGKILL)


def freeze_model(server: RunningServer, model: str) -> None:
    """Stop the process a Python model runs in. Triton crashes when it is thawed and asked again."""
    signal_part(server, f"/{model}/", signal.SIGSTOP)


def _python_for_the_stub() -> dict[str, str]:
    # The stub finds Python's library by the loader and its standard library by the first python3
    # on PATH; a virtual environment, or a wrapper script of pyenv's, would lead it astray.
    bin_folder = str(Path(sys.base_prefix) / "bin")
    library_folder = sysconfig.get_config_var("LIBDIR")
    return {
        "PATH": os.pathsep.join((bin_folder, os.environ.get("PATH", os.defpath))),
        "LD_LIBRARY_PATH": library_folder,
    }
