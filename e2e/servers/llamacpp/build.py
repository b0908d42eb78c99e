"""The second step to llama-server: its binary, compiled once from the sources."""

import os
import subprocess
from pathlib import Path

from e2e.servers import cache
from e2e.servers.llamacpp import source
from e2e.servers.prerequisites import ServerUnavailableError, require
from e2e.servers.progress import step

_OPTIONS = (
    "-DCMAKE_BUILD_TYPE=Release",
    "-DCMAKE_C_FLAGS_RELEASE=-O1",  # its models have kilobytes: what counts is the compiler's time
    "-DCMAKE_CXX_FLAGS_RELEASE=-O1",
    "-DCMAKE_EXE_LINKER_FLAGS=-static-libgcc -static-libstdc++",  # runs in any glibc image
    "-DBUILD_SHARED_LIBS=OFF",
    "-DGGML_NATIVE=OFF",
    "-DGGML_OPENMP=OFF",
    "-DLLAMA_OPENSSL=OFF",
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_BUILD_APP=OFF",
    "-DLLAMA_BUILD_UI=OFF",
    "-DLLAMA_USE_PREBUILT_UI=OFF",  # it would fetch one
)
_PROGRAM = "llama-server"
_SHOWN_OUTPUT = 2000


def binary() -> Path:
    """The llama-server executable, built once (5 minutes of two cores) and kept in the cache.

    Raises ServerUnavailableError without sources, cmake or a C++ compiler.
    """
    return cache.obtain(_entry(), _build) / _PROGRAM


def is_cached() -> bool:
    """Whether the binary is there already: CI starts this server only then."""
    return (cache.root() / _entry() / _PROGRAM).exists()


def _entry() -> str:
    return f"llamacpp-{cache.key(source.REQUIREMENTS, *_OPTIONS)}"


def _build(target: Path) -> None:
    require("cmake", "make", "c++")
    sources, folder = source.tree(), target.with_name("build")
    with step("llama.cpp", f"compiling {_PROGRAM}"):
        _run("cmake", "-S", str(sources), "-B", str(folder), "-G", "Unix Makefiles", *_OPTIONS)
        _run("cmake", "--build", str(folder), "--target", _PROGRAM, "--parallel", _cores())
    target.mkdir()
    (folder / "bin" / _PROGRAM).rename(target / _PROGRAM)


def _cores() -> str:
    return str(len(os.sched_getaffinity(0)))


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ServerUnavailableError(
            f"llama-server could not be built: `{command[0]} {command[1]}` failed.\n"
            f"{(done.stdout + done.stderr)[-_SHOWN_OUTPUT:]}"
        )
