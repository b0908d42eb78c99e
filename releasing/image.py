"""The operator's image from its Dockerfile: by buildah on a base of Debian packages, or by Docker.

The first way needs no registry; the tests take it everywhere. Wheels are fetched before the build,
whose hashes the Dockerfile checks, so that the build itself asks nobody.
"""

import platform
import subprocess
import sys
from pathlib import Path

from e2e.servers import cache, catalog, rootfs
from e2e.servers.images import build_image
from e2e.servers.prerequisites import ServerUnavailableError
from e2e.servers.progress import step
from releasing.project import NAME, ROOT, version

UNKNOWN = "unknown"
"""The revision of an image that is made for tests: equal inputs make one image, at any commit."""

REQUIREMENTS = ("requirements/build.txt", "requirements/run.txt")
SOURCES = (*REQUIREMENTS, "operator", "pyproject.toml", "README.md", "LICENSE", ".dockerignore")
_OLDEST_GLIBC, _BASES_GLIBC = 17, 36  # 2.17 is manylinux2014, 2.36 is Debian 12's


def name(checkout: Path = ROOT) -> str:
    """What the image of this checkout is called, as manifests/ has it."""
    return f"{NAME}:{version(checkout)}"


def archive(
    checkout: Path = ROOT, *, called: str = "", revision: str = UNKNOWN, timestamp: int = 0
) -> Path:
    """The docker-archive of this checkout's image, built where the cache has none of these inputs.

    `called`: its name, in place of `name(checkout)`; `timestamp`: the date of all that is in it, in
    seconds since 1970, so that equal inputs make equal images. Raises ServerUnavailableError where
    something cannot be had (buildah, Debian's archive, the package index), BuildError when the
    build fails.
    """
    fetched = wheels(checkout)
    return build_image(
        called or name(checkout),
        checkout / "Dockerfile",
        checkout,
        inputs=[*(checkout / source for source in SOURCES), fetched.name],
        base=catalog.python(),
        contexts={"wheels": fetched},
        build_args={"PIP_NO_INDEX": "1", "VERSION": version(checkout), "REVISION": revision},
        timestamp=timestamp,
    )


def wheels(checkout: Path = ROOT) -> Path:
    """A folder with the wheels that the image is made of; cached."""
    files = [checkout / file for file in REQUIREMENTS]
    entry = f"wheels-{cache.key(platform.machine(), rootfs.PYTHON, *files)}"
    return cache.obtain(entry, lambda target: _fetch(target, files))


def by_docker(*, revision: str) -> str:
    """Build with the Docker engine from the public base; returns the image's name.

    Raises CalledProcessError when Docker refuses; it has told why by then.
    """
    tag = name()
    arguments = (f"--build-arg=VERSION={version()}", f"--build-arg=REVISION={revision}")
    subprocess.run(["docker", "build", "--tag", tag, *arguments, str(ROOT)], check=True)
    return tag


def docker_answers() -> bool:
    """Whether there is a Docker engine to build with."""
    try:
        done = subprocess.run(["docker", "info"], capture_output=True, check=False)
    except FileNotFoundError:
        return False
    return done.returncode == 0


def _fetch(target: Path, files: list[Path]) -> None:
    target.mkdir()
    machine = platform.machine()
    platforms = [
        f"manylinux_2_{minor}_{machine}" for minor in range(_OLDEST_GLIBC, _BASES_GLIBC + 1)
    ]
    with step(NAME, "fetching the wheels of its image"):
        for file in files:
            command = [
                *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
                *("--disable-pip-version-check", "--require-hashes", "--only-binary=:all:"),
                *("--python-version", rootfs.PYTHON, "--implementation", "cp"),
                *(f"--platform={each}" for each in (*platforms, f"manylinux2014_{machine}")),
                *("--dest", str(target), "--requirement", str(file)),
            ]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise ServerUnavailableError(
                    f"pip could not fetch what {file.name} lists. Is the package index reachable?\n"
                    f"{done.stderr[-2000:]}"
                )
