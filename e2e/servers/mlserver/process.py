"""MLServer as a process on loopback, with one model."""

import json
import shutil
from collections.abc import Mapping, Sequence
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
_ANSWER_SECONDS = 60.0


def start(
    folder: Path,
    *,
    model: str = "good",
    port: int | None = None,
    env: Mapping[str, str] | None = None,
    wait: bool = True,
    inputs: Sequence[Mapping[str, object]] = (),
) -> RunningServer:
    """Start MLServer in `folder` (made by this), serving one model of that name.

    SLOW_SECONDS in `env` makes its load slow; its HTTP port (`port`, default: a free one) opens
    before. PREDICT_SECONDS makes its inference slow, and every one fails while there is a file at
    FAIL_FILE. `inputs` is what its metadata declare. With `wait`, returns as soon as HTTP answers.
    Raises ServerUnavailableError or StartError.
    """
    python = venvs.interpreter("mlserver", _HERE / "requirements.txt")
    free, grpc, metrics = free_ports(3)
    http = port or free
    folder.mkdir(parents=True)
    shutil.copyfile(_HERE / "slow_model.py", folder / "slow_model.py")
    settings = {"name": model, "implementation": "slow_model.Slow", "inputs": list(inputs)}
    _write(folder / "model-settings.json", settings)
    _write(
        folder / "settings.json",
        {
            "host": LOOPBACK,
            "http_port": http,
            "grpc_port": grpc,
            "metrics_port": metrics,
            "parallel_workers": 0,
        },
    )
    server = launch(
        "mlserver",
        [str(python), "-m", "mlserver.cli.main", "start", str(folder)],
        ports={"http": http, "grpc": grpc, "metrics": metrics},
        log=folder / "mlserver.log",
        env=env,
    )
    if wait:
        with stopped_on_failure(server):
            wait_until(
                server, lambda: server.ask("/v2/health/live") is not None, timeout=_ANSWER_SECONDS
            )
    return server


def write_broken(folder: Path) -> str:
    """Add a model that fails to load to a server's folder; its name, for the repository API."""
    home = folder / "broken"
    home.mkdir()
    shutil.copyfile(_HERE / "broken_model.py", home / "broken_model.py")
    settings = {"name": "broken", "implementation": "broken_model.Broken"}
    _write(home / "model-settings.json", settings)
    return "broken"


def _write(path: Path, settings: Mapping[str, object]) -> None:
    path.write_text(json.dumps(settings))
