"""Container images without a registry: archives in, archives out."""

import gzip
import hashlib
import io
import json
import os
import platform
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

from e2e.cluster.model import ClusterError
from e2e.cluster.paths import cache_home
from e2e.cluster.prerequisites import program

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def single_binary_archive(binary: Path, name: str, archive: Path) -> None:
    """Write an image (docker-archive format) of one static program, as its entry point."""
    layer = _tar({"program": (binary.read_bytes(), 0o755)})
    digest = f"sha256:{hashlib.sha256(layer).hexdigest()}"
    machine = platform.machine()
    config = json.dumps(
        {
            "architecture": ARCHITECTURES.get(machine, machine),
            "os": "linux",
            "config": {"Entrypoint": ["/program"]},
            "rootfs": {"type": "layers", "diff_ids": [digest]},
        }
    ).encode()
    manifest = json.dumps(
        [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    ).encode()
    archive.write_bytes(
        _tar(
            {
                "layer.tar": (layer, 0o644),
                "config.json": (config, 0o644),
                "manifest.json": (manifest, 0o644),
            }
        )
    )


def build(
    context: Path, *, name: str, archive: Path, build_args: Mapping[str, str] | None = None
) -> Path:
    """Build the Dockerfile of a folder with buildah; returns the archive, for `load_image`.

    Layers are kept in the user's cache, never in the machine's image store. Raises ClusterError
    with the end of the output when the build fails.
    """
    buildah = program("buildah")
    storage = cache_home() / "buildah"
    # The Docker engine's own drivers and namespaces are not to be had in a container in CI.
    env = os.environ | {"STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot"}
    stores = ("--root", str(storage / "root"), "--runroot", str(storage / "run"))
    arguments = [f"--build-arg={key}={value}" for key, value in (build_args or {}).items()]
    archive.unlink(missing_ok=True)
    for command in (
        (buildah, *stores, "build", "--layers", "--tag", name, *arguments, str(context)),
        (buildah, *stores, "push", name, f"docker-archive:{archive}:{name}"),
    ):
        result = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            output = (result.stdout + result.stderr).strip()
            raise ClusterError(f"building image {name} failed:\n{output[-2000:]}")
    return archive


def image_names(archive: Path) -> list[str]:
    """The names under which an archive (docker-archive, also gzipped) holds images."""
    try:
        with tarfile.open(archive) as tar:
            member = tar.extractfile("manifest.json")
            manifest = json.load(member) if member else []
    except (OSError, KeyError, tarfile.TarError, gzip.BadGzipFile) as error:
        raise ClusterError(
            f"{archive} is not a docker-archive; make one with `buildah push NAME "
            "docker-archive:FILE:NAME` or `docker save`"
        ) from error
    return [name for image in manifest for name in image.get("RepoTags") or []]


def _tar(files: Mapping[str, tuple[bytes, int]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, (data, mode) in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), mode
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()
