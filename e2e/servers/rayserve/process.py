"""Ray Serve as a process on loopback, with one application on a cluster of its own."""

from collections.abc import Mapping
from pathlib import Path

from e2e.servers import venvs
from e2e.servers.processes import RunningServer, free_ports, launch

_HERE = Path(__file__).parent


def start(
    folder: Path, *, port: int | None = None, env: Mapping[str, str] | None = None
) -> RunningServer:
    """Start Ray with one application, its home and log in `folder`; does not wait for it.

    `env`: see echo_app.py. Raises ServerUnavailableError.
    """
    python = venvs.interpreter("rayserve", _HERE / "requirements.txt")
    http = port or free_ports(1)[0]
    own = {"RAY_USAGE_STATS_ENABLED": "0", "HOME": str(folder)}
    return launch(
        "rayserve",
        [str(python), str(_HERE / "echo_app.py"), str(http)],
        ports={"http": http},
        log=folder / "rayserve.log",
        env={**own, **(env or {})},
    )
