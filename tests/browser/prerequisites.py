"""What the browser tests need installed; `make setup-browser` runs this."""

import os
import shutil
import sys

from e2e.cluster.model import ClusterError
from e2e.cluster.prerequisites import Requirement, install, install_command, missing

PACKAGES = {"chromium": "chromium", "chromedriver": "chromium-driver"}
"""Programs and the Debian packages that bring them."""


def _requirement(program: str, package: str) -> Requirement:
    return Requirement(program, package, lambda: shutil.which(program) is not None)


def main() -> int:
    """0 when all is there or could be installed."""
    absent = missing(tuple(_requirement(*each) for each in PACKAGES.items()))
    if not absent:
        return 0
    if os.geteuid() != 0:
        print(f"setup-browser: as root: {' '.join(install_command(absent))}", file=sys.stderr)
        return 1
    print(f"setup-browser: installing {', '.join(each.package for each in absent)}")
    try:
        install(absent)
    except ClusterError as error:
        print(f"setup-browser: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
