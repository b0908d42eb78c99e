"""What the benchmarks need installed; `make setup-bench` runs this."""

import shutil
import sys

from bench.targets import APT_PACKAGES, PATHS
from e2e.cluster.prerequisites import Requirement, ensure

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
    return ensure("setup-bench", requirements())


if __name__ == "__main__":
    sys.exit(main())
