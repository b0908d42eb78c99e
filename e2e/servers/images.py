"""Container images made by buildah without a registry: Containerfile in, docker-archive out.

An image stands on another by its archive (`--build-arg BASE=docker-archive:FILE`), so buildah's own
storage lives no longer than one build, and nothing is left behind but the archive in the cache.
"""

import contextlib
import io
import json
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from e2e.servers import cache
from e2e.servers.prerequisites import require
from e2e.servers.progress import step

_MANIFEST = "manifest.json"
_LAYOUT = "1"  # raise it when this module makes another image of the same inputs


class BuildError(RuntimeError):
    """buildah refused; the message ends with the last of what it said."""


def build_image(
    name: str,
    containerfile: Path,
    context: Path,
    *,
    inputs: Sequence[str | Path] | None = None,
    aliases: Sequence[str] = (),
    base: Path | None = None,
    contexts: Mapping[str, Path] | None = None,
    build_args: Mapping[str, str] | None = None,
    timestamp: int | None = None,
) -> Path:
    """Build `name` and return its docker-archive, from the cache when no input has changed.

    `base` is the archive of the image it stands on, given to the Containerfile as the build
    argument BASE; `contexts` are further folders for `COPY --from=NAME`. `inputs` are what decides
    whether a build is needed, beside the arguments themselves: files and folders by content, texts
    (the name of a cache entry stands for its content); default: the context and the `contexts`.
    The archive also carries the `aliases` as names. `timestamp` (seconds since 1970) is what every
    file and the image itself get for a date; default: the moment of the build. Raises
    ServerUnavailableError without buildah, BuildError when the build fails.
    """
    further = dict(contexts or {})
    arguments = dict(build_args or {})
    if base is not None:
        arguments["BASE"] = f"docker-archive:{base}"
    decisive = [context, *further.values()] if inputs is None else list(inputs)
    known = [f"{key}={value}" for key, value in sorted((build_args or {}).items())]
    dated = [] if timestamp is None else [f"--timestamp={timestamp}"]
    hashed = cache.key(
        *(_LAYOUT, name, *aliases, *known, *dated, base.name if base else ""),
        *(containerfile, *decisive),
    )
    short = name.rpartition("/")[2].replace(":", "-")

    def build(target: Path) -> None:
        require("buildah")
        with step(short, f"building image {name}"), _storage(target.parent) as buildah:
            buildah.run(
                "build",
                *("--quiet", "--pull-never", "--tag", name, "--file", str(containerfile)),
                *dated,
                *(f"--build-arg={key}={value}" for key, value in arguments.items()),
                *(f"--build-context={key}={path}" for key, path in further.items()),
                str(context),
            )
            plain = target.with_name("plain.tar")
            buildah.run("push", "--quiet", name, f"docker-archive:{plain}:{name}")
            _copy_with_names(plain, target, (name, *aliases))

    return cache.obtain(f"image-{short}-{hashed}.tar", build)


class _Buildah:
    """buildah on a storage of its own."""

    def __init__(self, storage: Path) -> None:
        self._options = (
            *("--root", str(storage / "root"), "--runroot", str(storage / "run")),
            *("--storage-driver", "vfs"),
        )

    def run(self, *words: str) -> None:
        # vfs and chroot need neither overlay mounts nor new namespaces: they work in a container.
        env = {**os.environ, "BUILDAH_ISOLATION": "chroot", "STORAGE_DRIVER": "vfs"}
        done = subprocess.run(
            ["buildah", *self._options, *words],
            capture_output=True,
            text=True,
            check=False,
            env=env,
        )
        if done.returncode != 0:
            said = f"{done.stdout}\n{done.stderr}"[-2000:]
            raise BuildError(f"buildah {words[0]} ended with {done.returncode}.\n{said}")


@contextlib.contextmanager
def _storage(folder: Path) -> Iterator[_Buildah]:
    with tempfile.TemporaryDirectory(prefix="buildah.", dir=folder) as storage:
        buildah = _Buildah(Path(storage))
        try:
            yield buildah
        finally:
            # By its own hand, for a rootless build leaves files only buildah may delete.
            buildah.run("rmi", "--all", "--force")


def _copy_with_names(source: Path, target: Path, names: Sequence[str]) -> None:
    # `buildah push` writes one name; docker-archive allows any number in its manifest.
    with tarfile.open(source) as read, tarfile.open(target, "w") as write:
        for member in read:
            content = read.extractfile(member) if member.isreg() else None
            if member.name == _MANIFEST and content is not None:
                manifest = json.load(content)
                manifest[0]["RepoTags"] = list(names)
                encoded = json.dumps(manifest).encode()
                member.size = len(encoded)
                content = io.BytesIO(encoded)
            write.addfile(member, content)
