"""TorchServe as a process on loopback, with one model that needs no torch."""

import json
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path

from e2e.servers import venvs
from e2e.servers.prerequisites import ServerUnavailableError
from e2e.servers.processes import RunningServer, free_ports, launch

MANAGEMENT_PORT = 8081
"""The port that TorchServe's documentation names and the profile asks."""
_HERE = Path(__file__).parent


def start(
    folder: Path, *, port: int | None = None, env: Mapping[str, str] | None = None
) -> RunningServer:
    """Start TorchServe with the model "good", all its files in `folder`; does not wait for it.

    The archive of a model "broken" lies beside it, for the management API. `env`: see handler.py.
    Raises ServerUnavailableError, also where there is no Java.
    """
    if shutil.which("java") is None:
        raise ServerUnavailableError("TorchServe needs Java: install openjdk-17-jre-headless.")
    python = venvs.interpreter("torchserve", _HERE / "requirements.txt")
    free, metrics, grpc, grpc_management = free_ports(4)
    http = port or free
    store = folder / "models"
    store.mkdir(parents=True)
    for model in ("good", "broken"):
        _archive(store / f"{model}.mar", model)
    settings = {
        "inference_address": f"http://127.0.0.1:{http}",
        "management_address": f"http://127.0.0.1:{MANAGEMENT_PORT}",
        "metrics_address": f"http://127.0.0.1:{metrics}",
        "grpc_inference_port": grpc,
        "grpc_management_port": grpc_management,
        "default_workers_per_model": 1,
        "default_response_timeout": 120,
    }
    config = folder / "config.properties"
    config.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    return launch(
        "torchserve",
        [
            *(str(python), "-c", "from ts.model_server import start; start()"),
            *("--start", "--foreground", "--disable-token-auth", "--enable-model-api", "--ncs"),
            *("--ts-config", str(config), "--model-store", str(store), "--models", "good.mar"),
        ],
        ports={"http": http, "management": MANAGEMENT_PORT},
        log=folder / "torchserve.log",
        env={
            "LOG_LOCATION": str(folder),
            "METRICS_LOCATION": str(folder),
            "PYTHONPATH": str(_HERE / "without_torch"),
            **(env or {}),
        },
    )


def _archive(path: Path, model: str) -> None:
    """Write a model archive: the handler and a manifest that names it."""
    about = {"modelName": model, "handler": "handler.py", "modelVersion": "1.0"}
    manifest = {"runtime": "python", "model": about, "archiverVersion": "0.12.0"}
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(_HERE / "handler.py", "handler.py")
        archive.writestr("MAR-INF/MANIFEST.json", json.dumps(manifest))
