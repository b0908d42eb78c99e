"""What the suites on other people's controllers need installed; `make e2e-ecosystem` runs this."""

import shutil
import sys

from e2e.cluster.prerequisites import Requirement, ensure

PACKAGES = {"redis-server": "redis-server", "git": "git"}
"""Programs that Argo CD needs, and the Debian packages that bring them."""


def requirements() -> tuple[Requirement, ...]:
    """The programs, each with its Debian package."""
    return tuple(_requirement(*each) for each in PACKAGES.items())


def _requirement(program: str, package: str) -> Requirement:
    return Requirement(program, package, lambda: shutil.which(program) is not None)


def main() -> int:
    """0 when all is there or could be installed."""
    return ensure("setup-ecosystem", requirements())


if __name__ == "__main__":
    sys.exit(main())
