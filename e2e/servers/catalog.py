"""The images of the test suite, by short name: what each is made of and what it is called."""

from collections.abc import Callable, Mapping
from pathlib import Path

from e2e.servers import rootfs
from e2e.servers.images import build_image
from e2e.servers.triton import repository, wheel

TRITON = f"inferencehealth.test/triton:{wheel.VERSION}"
TRITON_ALIAS = "nvcr.io/nvidia/tritonserver:24.10-py3"
"""The name of NVIDIA's container release with Triton 2.51.0."""

ASR = "inferencehealth.test/asr:1.0.0"
ASR_ALIAS = "quay.io/smallestinc/self-hosted-api-server:1.0.0"
"""The name a user's api-server image has; the programs in it are the reference server's."""

REDIS = "inferencehealth.test/redis:7"
PYTHON = f"inferencehealth.test/python:{rootfs.PYTHON}"

_HERE = Path(__file__).parent


def python() -> Path:
    """Python of Debian with venv, curl and a shell: a base for our own Containerfiles."""
    return base_image(PYTHON, "python", rootfs.PYTHON_PACKAGES)


def triton() -> Path:
    """Triton with the models good, slow (SLOW_SECONDS) and broken in /models."""
    server, models = wheel.server_tree(rootfs.PYTHON), repository.cached()
    return build_image(
        TRITON,
        _HERE / "triton" / "Containerfile",
        server,
        inputs=[server.name, models.name],
        aliases=[TRITON_ALIAS],
        base=python(),
        contexts={"models": models},
    )


def asr() -> Path:
    """The ASR reference server; the container's argument chooses among its three programs."""
    base = base_image("inferencehealth.test/python-aiohttp:3.8", "asr", rootfs.ASR_PACKAGES)
    folder = _HERE / "asr"
    return build_image(ASR, folder / "Containerfile", folder, aliases=[ASR_ALIAS], base=base)


def redis() -> Path:
    """Debian's Redis without persistence."""
    base = base_image("inferencehealth.test/redis-base:7", "redis", rootfs.REDIS_PACKAGES)
    folder = _HERE / "redis"
    return build_image(REDIS, folder / "Containerfile", folder, inputs=[], base=base)


IMAGES: Mapping[str, Callable[[], Path]] = {
    "triton": triton,
    "asr": asr,
    "redis": redis,
    "python": python,
}


def base_image(image: str, name: str, packages: tuple[str, ...]) -> Path:
    """An image of Debian packages alone."""
    filesystem, accounts = rootfs.rootfs(name, packages), _HERE / "base"
    return build_image(
        image,
        accounts / "Containerfile",
        filesystem,
        inputs=[filesystem.name, accounts],
        contexts={"accounts": accounts},
    )
