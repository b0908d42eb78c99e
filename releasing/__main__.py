"""`python -m releasing image`: make the parts of a release."""

import argparse
import subprocess
import sys

from e2e.servers.images import BuildError
from e2e.servers.prerequisites import ServerUnavailableError
from releasing import image, project


def main(argv: list[str]) -> int:
    """Make what was asked; 0, or 1 with a reason and a remedy."""
    parser = argparse.ArgumentParser(prog="python -m releasing", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("image", help="the operator's image")
    parser.parse_args(argv)
    try:
        make_image()
    except (ServerUnavailableError, BuildError, subprocess.CalledProcessError) as error:
        print(f"make: {error}", file=sys.stderr)
        return 1
    return 0


def make_image() -> None:
    """By Docker where its engine answers, else as an archive by buildah."""
    if image.docker_answers():
        print(image.by_docker(revision=project.revision()))
        return
    print(f"{image.name()}: {image.archive(revision=project.revision())}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
