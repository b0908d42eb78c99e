"""The first step to any Triton: its wheel from PyPI, by hash, cut down to what the server needs.

The binaries find their libraries by paths relative to themselves, so the wheel's layout is kept:

    nvidia_pytriton.libs/                     shared libraries
    pytriton/tritonserver/bin/tritonserver    the server
    pytriton/tritonserver/backends/python/    the Python backend, its stub, and numpy

The stub starts Python in isolated mode: PYTHONPATH is ignored, the backend's own folder is on
sys.path. That is why numpy lies there.
"""

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from e2e.servers import cache
from e2e.servers.prerequisites import ServerUnavailableError, require_x86_64
from e2e.servers.progress import step

VERSION = "2.51.0"
"""Version of the server inside nvidia-pytriton 0.7.0, as GET /v2 answers it."""

STUBS = ("3.10", "3.11", "3.12")
"""Python versions for which the wheel has a backend stub and numpy < 2 has a wheel."""

_REQUIREMENTS = Path(__file__).with_name("requirements.txt")
_PLATFORMS = ("manylinux_2_35_x86_64", "manylinux2014_x86_64")  # of nvidia-pytriton, of numpy
_HOME = Path("pytriton") / "tritonserver"
_PYTHON_OF_THE_3_13_STUB = "libpython3-*"  # 32 MB that no other stub loads
_LAYOUT = "1"  # raise it when the tree below changes for the same requirements


def server_tree(python: str) -> Path:
    """The folder with the server and a Python backend for `python`, such as "3.11".

    Fetched once (a wheel of 55 MB) and kept in the cache. Raises ServerUnavailableError when this
    machine cannot have it: another architecture, no stub for that Python, no package index.
    """
    require_x86_64("Triton")
    if python not in STUBS:
        raise ServerUnavailableError(
            f"Triton {VERSION} has no Python backend for Python {python}. "
            f"Use Python {', '.join(STUBS[:-1])} or {STUBS[-1]}."
        )
    entry = f"triton-{VERSION}-{cache.key(_REQUIREMENTS, python, _LAYOUT)}"
    return cache.obtain(entry, lambda target: _fetch(target, python))


def binary(tree: Path) -> Path:
    """The tritonserver executable of a tree."""
    return tree / _HOME / "bin" / "tritonserver"


def backends(tree: Path) -> Path:
    """The backend folder of a tree, for `--backend-directory`."""
    return tree / _HOME / "backends"


def _fetch(target: Path, python: str) -> None:
    with step("triton", f"fetching {VERSION} for Python {python} from PyPI"):
        unpacked = target.with_name("unpacked")
        _pip_install(unpacked, python)
        _keep_what_serves(unpacked, target, python)
        shutil.rmtree(unpacked)


def _pip_install(target: Path, python: str) -> None:
    if find_spec("pip") is None:
        raise ServerUnavailableError(
            "This Python has no pip, which fetches Triton's wheel. Run `make setup` first."
        )
    platforms = [f"--platform={each}" for each in _PLATFORMS]
    command = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
        *("--root-user-action=ignore", "--no-deps", "--no-compile", "--require-hashes"),
        *("--only-binary=:all:", "--implementation=cp", f"--python-version={python}", *platforms),
        *("--target", str(target), "--requirement", str(_REQUIREMENTS)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ServerUnavailableError(
            f"pip could not fetch Triton's wheel. Is the package index reachable?\n{done.stderr}"
        )


def _keep_what_serves(wheel: Path, target: Path, python: str) -> None:
    home, kept = wheel / _HOME, target / _HOME
    libraries, backend = "nvidia_pytriton.libs", Path("backends") / "python"
    shutil.copytree(
        wheel / libraries,
        target / libraries,
        ignore=shutil.ignore_patterns(_PYTHON_OF_THE_3_13_STUB),
    )
    shutil.copytree(home / "bin", kept / "bin")
    shutil.copytree(home / backend, kept / backend)
    stub = home / "python_backend_stubs" / python / "triton_python_backend_stub"
    shutil.copy2(stub, kept / backend)
    ignored = shutil.ignore_patterns("tests", "f2py", "include", "*.pyi", "*.a")
    for package in ("numpy", "numpy.libs"):
        shutil.copytree(wheel / package, kept / backend / package, ignore=ignored)
    for program in (kept / "bin" / "tritonserver", kept / backend / stub.name):
        program.chmod(0o755)
