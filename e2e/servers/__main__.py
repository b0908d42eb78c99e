"""`python -m e2e.servers build [IMAGE …]` makes images; `install [SERVER …]` installs programs."""

import argparse
import sys
from collections.abc import Sequence

from e2e.servers import programs
from e2e.servers.catalog import IMAGES
from e2e.servers.images import BuildError
from e2e.servers.prerequisites import ServerUnavailableError


def main(argv: list[str]) -> int:
    """What was asked; 1, with reason and remedy, for an image that cannot be built.

    A server that cannot be installed is only said: the suites start the others.
    """
    parser = argparse.ArgumentParser(prog="python -m e2e.servers", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="build images into the per-user cache")
    build.add_argument("names", nargs="*", default="all", choices=[*IMAGES, "all"])
    install = commands.add_parser("install", help="install servers that run as processes")
    install.add_argument("names", nargs="*", default="all", choices=[*programs.PROGRAMS, "all"])
    asked = parser.parse_args(argv)
    if asked.command == "install":
        return _install(tuple(programs.PROGRAMS) if "all" in asked.names else asked.names)
    return _build(list(IMAGES) if "all" in asked.names else asked.names)


def _build(names: Sequence[str]) -> int:
    try:
        for name in names:
            print(f"{name}: {IMAGES[name]()}", flush=True)
    except (ServerUnavailableError, BuildError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _install(names: Sequence[str]) -> int:
    absent = programs.install(names)
    for name in names:
        print(f"{name}: {'cannot be had here: ' + absent[name] if name in absent else 'is there'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
