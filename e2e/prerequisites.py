"""What the demo and the suites need installed: looked for, named, and installed where that is easy.

`python -m e2e.prerequisites [--install]` is what `make setup-system` runs. Without root nothing is
installed: the command to run is printed, and what works without those packages is said.
"""

import argparse
import os
import platform
import shlex
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster import prerequisites as of_cluster
from e2e.cluster.model import ClusterError, Tier
from e2e.cluster.prerequisites import Requirement
from e2e.servers import prerequisites as of_servers

# Where Debian's own package puts the keys by which mmdebstrap trusts Debian's archive.
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
OF_PROMETHEUS = ("promtool", "prometheus")
"""Programs by which alerts and the dashboard are tested."""
PATHS = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))


@dataclass(frozen=True, slots=True)
class Host:
    """What decides whether packages can be installed, and what can run without them."""

    linux: bool
    root: bool
    apt: bool


def requirements() -> tuple[Requirement, ...]:
    """What the node tier and the servers' images need, each package once."""
    servers = (Requirement(name, name, _is_there(name)) for name in of_servers.APT_PACKAGES)
    every = (*of_cluster.REQUIREMENTS[Tier.NODE], *servers)
    return tuple({(each.what, each.package): each for each in every}.values())


def for_tests() -> tuple[Requirement, ...]:
    """What only tests need: without it they are skipped, and everything else works."""
    return tuple(Requirement(name, "prometheus", _is_there(name)) for name in OF_PROMETHEUS)


def advice(host: Host, absent: Sequence[Requirement]) -> tuple[str, bool]:
    """What to tell a person who lacks packages, and whether anything can run without them."""
    packages = " ".join(dict.fromkeys(each.package for each in absent))
    if not host.linux:
        told = "the local cluster needs Linux, or a container engine that answers (then kind runs)"
        return told, False
    if not host.apt:
        return f"install what your system calls {packages}", True
    sudo = [] if host.root else ["sudo"]
    command = shlex.join([*sudo, *of_cluster.install_command(absent)])
    return f"install them by: {command}", True


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when something can run, if only the tiers without a kubelet; 1 when nothing can."""
    parser = argparse.ArgumentParser(prog="python -m e2e.prerequisites", description=__doc__)
    parser.add_argument("--install", action="store_true", help="install what is missing (apt-get)")
    install: bool = parser.parse_args(arguments).install
    absent = of_cluster.missing((*requirements(), *for_tests()))
    if not absent:
        print("setup-system: nothing is missing")
        return 0
    for each in absent:
        print(f"setup-system: missing: {each.what} (package {each.package})")
    host = Host(platform.system() == "Linux", os.geteuid() == 0, bool(shutil.which("apt-get")))
    if install and host.linux and host.root and host.apt:
        return _install(absent)
    told, runs = advice(host, absent)
    print(f"setup-system: {told}")
    if not of_cluster.missing(requirements()):
        print("setup-system: until then the tests of alerts and of the dashboard are skipped")
    elif runs:
        print("setup-system: until then there is no kubelet; the API server and fake pods do work")
    return 0 if runs else 1


def _install(absent: Sequence[Requirement]) -> int:
    try:
        of_cluster.install(absent)
    except ClusterError as error:
        print(f"setup-system: {error}", file=sys.stderr)
        return 1
    return 0


def _is_there(package: str) -> Callable[[], bool]:
    if package == "debian-archive-keyring":
        return KEYRING.exists
    return lambda: shutil.which(package, path=PATHS) is not None


if __name__ == "__main__":
    sys.exit(main())
