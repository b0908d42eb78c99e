"""What the browser tests need installed; `make setup-browser` runs this."""

import shutil
import sys

from e2e.cluster.prerequisites import Requirement, ensure

PACKAGES = {"chromium": "chromium", "chromedriver": "chromium-driver"}
"""Programs and the Debian packages that bring them."""


def _requirement(program: str, package: str) -> Requirement:
    return Requirement(program, package, lambda: shutil.which(program) is not None)


def main() -> int:
    """0 when all is there or could be installed."""
    return ensure("setup-browser", tuple(_requirement(*each) for each in PACKAGES.items()))


if __name__ == "__main__":
    sys.exit(main())
