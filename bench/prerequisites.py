"""What the benchmarks need installed; `make setup-bench` runs this."""

import os
import shutil
import sys

from bench.targets import APT_PACKAGES, PATHS
from e2e.cluster.model import ClusterError
from e2e.cluster.prerequisites import Requirement, install, install_command, missing

PROGRAMS = {"nginx-light": "nginx"}
"""Programs whose package is not called as they are."""


def requirements() -> tuple[Requirement, ...]:
    """The programs, each with its Debian package."""
    return tuple(_requirement(package) for package in APT_PACKAGES)


def _requirement(package: str) -> Requirement:
    name = PROGRAMS.get(package, package)
    return Requirement(name, package, lambda: shutil.which(name, path=PATHS) is not None)


def main() -> int:
    """0 when all is there or could be installed."""
    absent = missing(requirements())
    if not absent:
        return 0
    if os.geteuid() != 0:
        print(f"setup-bench: as root: {' '.join(install_command(absent))}", file=sys.stderr)
        return 1
    print(f"setup-bench: installing {', '.join(each.package for each in absent)}")
    try:
        install(absent)
    except ClusterError as error:
        print(f"setup-bench: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
