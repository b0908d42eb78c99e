"""`python -m e2e.servers build [IMAGE …]`: make the images and print where their archives are."""

import argparse
import sys

from e2e.servers.catalog import IMAGES
from e2e.servers.images import BuildError
from e2e.servers.prerequisites import ServerUnavailableError


def main(argv: list[str]) -> int:
    """Build what was asked; 0 when all is there, 1 with a reason and remedy when not."""
    parser = argparse.ArgumentParser(prog="python -m e2e.servers", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="build images into the per-user cache")
    build.add_argument("images", nargs="*", default="all", choices=[*IMAGES, "all"])
    asked: list[str] | str = parser.parse_args(argv).images
    names = list(IMAGES) if "all" in asked else asked
    try:
        for name in names:
            print(f"{name}: {IMAGES[name]()}", flush=True)
    except (ServerUnavailableError, BuildError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
