"""The first step to Ollama: its binary, built once from its Go module with its engines in C++.

Module archives carry no folder named vendor, so three headers are missing in it; llama.cpp's
sources have them.
"""

import os
import subprocess
from pathlib import Path

from e2e.cluster import toolchain
from e2e.cluster.model import ClusterError
from e2e.servers import cache
from e2e.servers.llamacpp import source
from e2e.servers.prerequisites import ServerUnavailableError, require
from e2e.servers.progress import step

_HERE = Path(__file__).parent
_PACKAGE = "github.com/ollama/ollama"
_PINS = (_HERE / "go.mod", _HERE / "go.sum")
_COMPILED = "-O1"  # its models have kilobytes: what counts is the compiler's time
_LINKED = "-static-libgcc -static-libstdc++"  # runs in any glibc image
_SHOWN_OUTPUT = 2000


def binary() -> Path:
    """The ollama executable, built once (4 minutes of two cores) and kept in the cache.

    Raises ServerUnavailableError without sources, a Go toolchain or a C++ compiler.
    """
    entry = f"ollama-{cache.key(*_PINS, source.REQUIREMENTS, _COMPILED, _LINKED)}"
    return cache.obtain(entry, _build) / "ollama"


def _build(target: Path) -> None:
    require("cc", "c++")
    go, headers = _go(), f"{_COMPILED} -I{source.headers()}"
    env = os.environ | {
        "CGO_ENABLED": "1",
        "CGO_CFLAGS": headers,
        "CGO_CXXFLAGS": headers,
        "CGO_LDFLAGS": _LINKED,
        "GOFLAGS": "",
        "GOWORK": "off",
        "GOTOOLCHAIN": "local",
    }
    command = [
        *(str(go), "build", "-trimpath", "-buildvcs=false", "-mod=readonly", "-ldflags=-s -w"),
        *("-o", str(target / "ollama"), _PACKAGE),
    ]
    target.mkdir()
    with step("ollama", "building it from its Go module"):
        done = subprocess.run(
            command, cwd=_HERE, env=env, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise ServerUnavailableError(
                "Ollama could not be built. Are GOPROXY and the package index reachable?\n"
                f"{done.stderr[-_SHOWN_OUTPUT:]}"
            )


def _go() -> Path:
    required = toolchain.required_version([_PINS[0].read_text()])
    try:
        return toolchain.find(required, lambda told: print(f"ollama: {told}", flush=True))
    except ClusterError as error:
        raise ServerUnavailableError(str(error)) from error
