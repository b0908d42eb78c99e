"""`python -m releasing image`, `manifest`, `all`: make the parts of a release, or all of it."""

import argparse
import subprocess
import sys

from e2e.cluster.model import ClusterError
from e2e.servers.images import BuildError
from e2e.servers.prerequisites import ServerUnavailableError
from releasing import image, manifest, project
from releasing.notes import ReleaseError
from releasing.parts import PartsError
from releasing.release import release
from releasing.rendering import RenderError


def main(argv: list[str]) -> int:
    """Make what was asked; 0, or 1 with a reason and a remedy."""
    parser = argparse.ArgumentParser(prog="python -m releasing", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("image", help="the operator's image")
    manifest_ = commands.add_parser("manifest", help="one file for kubectl apply -f")
    manifest_.add_argument("--image", default="", help="the image's reference")
    commands.add_parser("all", help="a whole release, in build/release")
    asked = parser.parse_args(argv)
    try:
        if asked.command == "image":
            make_image()
        elif asked.command == "all":
            print(*release(), sep="\n")
        else:
            print(manifest.write(project.BUILD / "install.yaml", reference=asked.image))
    except (
        *(ServerUnavailableError, BuildError, subprocess.CalledProcessError),
        *(ClusterError, RenderError, ReleaseError, PartsError),
    ) as error:
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
