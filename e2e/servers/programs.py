"""The servers that run as processes, by name, and how each is brought onto this machine."""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from e2e.servers import venvs
from e2e.servers.llamacpp import build as llamacpp
from e2e.servers.ollama import build as ollama
from e2e.servers.prerequisites import ServerUnavailableError
from e2e.servers.triton import wheel

_HERE = Path(__file__).parent
_LOCKED = (
    "mlserver",
    "kserve",
    "grpc_health",
    "litserve",
    "bentoml",
    "rayserve",
    "torchserve",
    "vllm",
)
"""Those that are Python programs, with their requirements beside them."""


def _locked(name: str) -> Callable[[], Path]:
    return lambda: venvs.interpreter(name, _HERE / name / "requirements.txt")


PROGRAMS: Mapping[str, Callable[[], Path]] = {
    "triton": lambda: wheel.server_tree(f"{sys.version_info.major}.{sys.version_info.minor}"),
    **{name: _locked(name) for name in _LOCKED},
    "llamacpp": llamacpp.binary,
    "ollama": ollama.binary,
}


def install(names: Sequence[str]) -> dict[str, str]:
    """Install these, with progress; by name, why one cannot be had here. The others are there."""
    absent = {}
    for name in names:
        try:
            PROGRAMS[name]()
        except ServerUnavailableError as error:
            absent[name] = str(error)
    return absent
