"""vLLM as a process on loopback: its API server, and the engine it runs in a child."""

import signal
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from e2e.servers import venvs
from e2e.servers.crowd import crowd
from e2e.servers.prerequisites import require_x86_64
from e2e.servers.processes import (
    LOOPBACK,
    RunningServer,
    free_ports,
    launch,
    signal_part,
    stopped_on_failure,
    wait_until,
)
from e2e.servers.vllm.model import write_model

VERSION = "0.20.2"
INFERENCE = "/v1/completions"
ENGINE = "VLLM::EngineCore"
"""What the engine's process calls itself."""

SETTINGS = {
    "TORCH_COMPILE_DISABLE": "1",  # it would take a C++ compiler, and minutes
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_HOST_IP": LOOPBACK,
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_SERVER_DEV_MODE": "1",
    "HF_HUB_OFFLINE": "1",
}
"""Its environment: little memory, nobody told, no hub asked, and endpoints to put it to sleep."""

_HERE = Path(__file__).parent
_READY_SECONDS = 900.0  # 50 to 70 on two idle cores, and much more on busy ones
_LONG = {"prompt": "a", "max_tokens": 1000, "ignore_eos": True}


def start(
    folder: Path,
    *,
    model: str = "good",
    port: int | None = None,
    args: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    wait: bool = True,
) -> RunningServer:
    """Start vLLM in `folder` (made by this), serving one model of that name.

    With dev mode, so that it can be put to sleep. Its port opens when the model is loaded, which
    `wait` waits for. Raises ServerUnavailableError or StartError.
    """
    require_x86_64("vLLM for CPUs")
    http = port or free_ports(1)[0]
    weights = write_model(folder / "model")
    command = [
        *(str(_python()), "-m", "vllm.entrypoints.openai.api_server"),
        *("--model", str(weights), "--served-model-name", model),
        *("--host", LOOPBACK, "--port", str(http)),
        *("--load-format", "dummy", "--enforce-eager", "--max-model-len", "1024"),
        *args,
    ]
    own = {
        "HOME": str(folder),
        "PYTHONPATH": str(metadata(folder / "metadata")),
        "PYTHONDONTWRITEBYTECODE": "",  # it begins three processes, each with all its modules
        **SETTINGS,
        **(env or {}),
    }
    server = launch("vllm", command, ports={"http": http}, log=folder / "vllm.log", env=own)
    if wait:
        with stopped_on_failure(server):
            wait_until(server, lambda: server.ask("/health") is not None, timeout=_READY_SECONDS)
    return server


def sleep(server: RunningServer) -> None:
    """Put it to sleep: /health stays 200, inference waits."""
    server.ask("/sleep?level=1", body="", timeout=60)


def wake(server: RunningServer) -> None:
    """Wake it."""
    server.ask("/wake_up", body="", timeout=60)


def freeze_engine(server: RunningServer) -> None:
    """Stop the engine's process from running; the API server notices nothing."""
    signal_part(server, ENGINE, signal.SIGSTOP)


def thaw_engine(server: RunningServer) -> None:
    """Let a frozen engine run again."""
    signal_part(server, ENGINE, signal.SIGCONT)


def kill_engine(server: RunningServer) -> None:
    """Kill the engine's process; the API server ends by itself within seconds."""
    signal_part(server, ENGINE, signal.SIGKILL)


def load(server: RunningServer, clients: int, model: str = "good") -> AbstractContextManager[None]:
    """The length of a `with` block in which so many clients ask for long answers."""
    return crowd(server, INFERENCE, {"model": model, **_LONG}, clients=clients)


def packages() -> Path:
    """The folder of vLLM and all it imports; raises ServerUnavailableError."""
    require_x86_64("vLLM for CPUs")
    return next(_python().parents[1].glob("lib/python*/site-packages"))


def _python() -> Path:
    return venvs.interpreter("vllm", _HERE / "requirements.txt")


def metadata(folder: Path) -> Path:
    """A folder that tells Python of a package named vllm: it looks for itself, and is vllm-cpu."""
    told = folder / f"vllm-{VERSION}.dist-info"
    told.mkdir(parents=True)
    version = f"Metadata-Version: 2.1\nName: vllm\nVersion: {VERSION}+cpu\n"
    (told / "METADATA").write_text(version)
    return folder
