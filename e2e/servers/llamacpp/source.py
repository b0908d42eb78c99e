"""The first step to llama-server, and to Ollama's headers: llama.cpp's sources, from PyPI by hash.

A package index holds them only inside the sdist of llama-cpp-python.
"""

import subprocess
import sys
import tarfile
from importlib.util import find_spec
from pathlib import Path

from e2e.servers import cache
from e2e.servers.prerequisites import ServerUnavailableError
from e2e.servers.progress import step

REQUIREMENTS = Path(__file__).with_name("requirements.txt")

_PACKAGE = "llama-cpp-python"
_SOURCES = "vendor/llama.cpp/"
_LEFT_OUT = ("docs/", "models/", "tests/", "benches/", "media/")
"""Two thirds of the size, and nothing of it is compiled."""


def tree() -> Path:
    """The folder of llama.cpp's sources, fetched once (77 MB) and kept in the cache.

    Raises ServerUnavailableError when there is no package index.
    """
    return cache.obtain(f"llamacpp-source-{cache.key(REQUIREMENTS, *_LEFT_OUT)}", _fetch)


def headers() -> Path:
    """The folder with nlohmann/, stb/ and miniaudio/, for a compiler's -I."""
    return tree() / "vendor"


def _fetch(target: Path) -> None:
    with step("llama.cpp", "fetching its sources from PyPI"):
        _unpack(_download(target.with_name("sdist")), target)


def _download(folder: Path) -> Path:
    if find_spec("pip") is None:
        raise ServerUnavailableError(
            "This Python has no pip, which fetches llama.cpp. Run `make setup` first."
        )
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
        *("--no-deps", "--require-hashes", f"--no-binary={_PACKAGE}"),
        *("--dest", str(folder), "--requirement", str(REQUIREMENTS)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ServerUnavailableError(
            f"pip could not fetch llama.cpp. Is the package index reachable?\n{done.stderr}"
        )
    return next(folder.glob("*.tar.gz"))


def _unpack(sdist: Path, target: Path) -> None:
    with tarfile.open(sdist) as archive:
        for member in archive:
            path = member.name.partition("/")[2]
            inside = path.removeprefix(_SOURCES)
            if inside == path or inside.startswith(_LEFT_OUT):
                continue
            member.name = inside
            archive.extract(member, target, filter="data")
