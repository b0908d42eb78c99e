"""Before anything is built or started: is what the host must bring there? Else, what to install."""

import os
import platform
import shutil
from collections.abc import Iterable

APT_PACKAGES: tuple[str, ...] = (
    "buildah",
    "mmdebstrap",
    "debian-archive-keyring",  # mmdebstrap on Ubuntu has no key for Debian's packages without it
    "redis-server",
)
"""What Debian or Ubuntu must have installed, for `make setup-system`."""

_PACKAGE_OF = {"cc": "gcc", "c++": "g++"}
"""Where the package is called otherwise than its program."""


class ServerUnavailableError(RuntimeError):
    """A server or image cannot be had on this machine; the message names the remedy."""


def missing(programs: Iterable[str]) -> tuple[str, ...]:
    """Those of the programs that are not on PATH, in the order asked."""
    return tuple(name for name in programs if shutil.which(name, path=_path()) is None)


def require(*programs: str) -> None:
    """Raise ServerUnavailableError, naming package and command, unless all are installed."""
    absent = missing(programs)
    if absent:
        packages = [_PACKAGE_OF.get(name, name) for name in absent]
        by_apt = f"`apt-get install {' '.join(packages)}`"
        usual = set(packages) <= set(APT_PACKAGES)
        remedy = f"Run `make setup-system` (or {by_apt})" if usual else f"Run {by_apt}"
        raise ServerUnavailableError(
            f"{', '.join(absent)} not found on this machine. {remedy} and try again."
        )


def locate(program: str) -> str:
    """The full path of an installed program; raises like `require`."""
    require(program)
    found = shutil.which(program, path=_path())
    assert found is not None
    return found


def require_x86_64(server: str) -> None:
    """Raise ServerUnavailableError off x86-64 Linux: the vendor's wheel exists for nothing else."""
    system, machine = platform.system(), platform.machine()
    if (system, machine) != ("Linux", "x86_64"):
        raise ServerUnavailableError(
            f"{server} is published for Linux on x86_64 only; this is {system} on {machine}. "
            "Run these tests on such a machine, or leave them out (they skip themselves)."
        )


def _path() -> str:
    # Debian keeps some of these in sbin, which is not on every user's PATH.
    return os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
