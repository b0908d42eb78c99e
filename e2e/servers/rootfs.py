"""The root filesystems images stand on: Debian packages, unpacked, with no registry in sight."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from e2e.servers import cache
from e2e.servers.prerequisites import ServerUnavailableError, require
from e2e.servers.progress import step

SUITE = "bookworm"
"""The Debian release of all images, whatever the host runs; its Python is `PYTHON`."""

PYTHON = "3.11"

# Triton's Python backend starts every model by a line of bash; curl and procps are for people, and
# the real ASR image has curl too.
_SHELL = ("base-files", "bash", "dash", "coreutils", "grep", "procps", "curl", "netbase")
REDIS_PACKAGES = (*_SHELL, "redis-server", "redis-tools")
PYTHON_PACKAGES = (*_SHELL, "python3", "python3-venv", f"libpython{PYTHON}", "libstdc++6", "zlib1g")
MOUNTED_PACKAGES = (*PYTHON_PACKAGES, "libnuma1", "util-linux")  # vLLM asks lscpu
ASR_PACKAGES = (*PYTHON_PACKAGES, "python3-aiohttp")

_MERGED_USR = "/usr/share/mmdebstrap/hooks/merged-usr"
_MIRROR = "DEBIAN_MIRROR"  # an address or a sources.list file, where the default is out of reach
_NO_DOCUMENTATION = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*")


def rootfs(name: str, packages: Sequence[str]) -> Path:
    """A folder holding `rootfs.tar` with the packages and what they depend on; cached.

    `name` is for people. Raises ServerUnavailableError without mmdebstrap or Debian's archive.
    """
    entry = f"rootfs-{name}-{cache.key(SUITE, *packages, *_NO_DOCUMENTATION)}"
    return cache.obtain(entry, lambda target: _make(target, name, packages))


def _make(target: Path, name: str, packages: Sequence[str]) -> None:
    require("mmdebstrap")
    target.mkdir()
    mirror = os.environ.get(_MIRROR)
    command = [
        *("mmdebstrap", "--variant=extract", f"--hook-dir={_MERGED_USR}"),
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in _NO_DOCUMENTATION),
        f"--include={','.join(packages)}",
        *(SUITE, str(target / "rootfs.tar"), *([mirror] if mirror else [])),
    ]
    with step(name, f"unpacking {len(packages)} packages of Debian {SUITE} and what they need"):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ServerUnavailableError(
            f"mmdebstrap could not make the root filesystem for {name}. If Debian's archive is out "
            f"of reach, name a mirror in ${_MIRROR}.\n{done.stderr[-2000:]}"
        )
