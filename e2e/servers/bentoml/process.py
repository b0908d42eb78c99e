"""BentoML as a process on loopback, with one service."""

from collections.abc import Mapping
from pathlib import Path

from e2e.servers import venvs
from e2e.servers.processes import LOOPBACK, RunningServer, free_ports, launch

_HERE = Path(__file__).parent


def start(
    folder: Path, *, port: int | None = None, env: Mapping[str, str] | None = None
) -> RunningServer:
    """Start BentoML, its home and log in `folder`; does not wait for it.

    `env`: see echo_service.py. Raises ServerUnavailableError.
    """
    python = venvs.interpreter("bentoml", _HERE / "requirements.txt")
    http = port or free_ports(1)[0]
    own = {
        "BENTOML_DO_NOT_TRACK": "True",
        "BENTOML_HOME": str(folder / "home"),
        "NOT_READY": str(_marker(folder)),
    }
    return launch(
        "bentoml",
        [
            *(str(python), "-m", "bentoml", "serve", "echo_service:Echo"),
            *("--working-dir", str(_HERE), "--host", LOOPBACK, "--port", str(http)),
        ],
        ports={"http": http},
        log=folder / "bentoml.log",
        env={**own, **(env or {})},
    )


def take_out(server: RunningServer) -> None:
    """Let the service say that it is not ready."""
    _marker(server.log.parent).touch()


def _marker(folder: Path) -> Path:
    return folder / "not-ready"
