"""LitServe as a process on loopback, with one model."""

from collections.abc import Mapping
from pathlib import Path

from e2e.servers import venvs
from e2e.servers.processes import RunningServer, free_ports, launch

_HERE = Path(__file__).parent


def start(
    folder: Path, *, port: int | None = None, env: Mapping[str, str] | None = None
) -> RunningServer:
    """Start LitServe, its log in `folder`; does not wait for it.

    `env`: see echo_server.py; LIT_SERVER_API_KEY is LitServe's own. Raises
    ServerUnavailableError.
    """
    python = venvs.interpreter("litserve", _HERE / "requirements.txt")
    http = port or free_ports(1)[0]
    return launch(
        "litserve",
        [str(python), str(_HERE / "echo_server.py"), str(http)],
        ports={"http": http},
        log=folder / "litserve.log",
        env=env,
    )
