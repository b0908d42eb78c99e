"""Where finished things are kept between runs: a per-user folder, keyed by the hash of all inputs.

An entry appears whole or not at all: it is made under a temporary name and renamed, and a lock
makes a second builder wait for the first instead of repeating its work.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

_KEY_LENGTH = 16  # 64 bits: enough to never collide among a few hundred entries, short to read


def root() -> Path:
    """The folder of all entries: `$XDG_CACHE_HOME` or `~/.cache`, then inferencehealth/servers."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "inferencehealth" / "servers"


def key(*inputs: str | Path) -> str:
    """A short hash of texts, files and folders: equal inputs, equal key.

    A path counts by its content (and, for the files of a folder, their relative names and whether
    they are executable), never by where it stands.
    """
    digest = hashlib.sha256()
    for each in inputs:
        for part in _parts(each):
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
    return digest.hexdigest()[:_KEY_LENGTH]


def obtain(name: str, build: Callable[[Path], None]) -> Path:
    """The entry of that name; when absent, `build` makes it at the path it is handed.

    The path handed over does not exist yet: `build` may make a file or a folder there. What it
    raises is passed on, and leaves no entry behind.
    """
    target = root() / name
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with _locked(target.with_name(f".{target.name}.lock")):
        if not target.exists():
            _make(target, build)
    return target


def _make(target: Path, build: Callable[[Path], None]) -> None:
    for abandoned in target.parent.glob(f".{target.name}.*/"):  # by a build that was killed
        shutil.rmtree(abandoned, ignore_errors=True)
    workshop = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        build(workshop / target.name)
        (workshop / target.name).rename(target)
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _parts(each: str | Path) -> Iterator[bytes]:
    if isinstance(each, str):
        yield each.encode()
    elif each.is_dir():
        for path in sorted(each.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield str(path.relative_to(each)).encode()
                yield b"x" if os.access(path, os.X_OK) else b"-"
                yield path.read_bytes()
    else:
        yield each.read_bytes()
