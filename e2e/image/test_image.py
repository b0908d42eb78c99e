"""What is in the operator's image, and how heavy it is."""

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from e2e.servers import catalog
from releasing import image, project

BEYOND_THE_BASE = 200_000_000
"""Bytes; the Kubernetes client alone has 126 million when it is compiled."""
HOME = "opt/inferencehealth"
WRITABLE_BY_OTHERS = 0o002
SET_ID = 0o6000


@dataclass(frozen=True, slots=True)
class Image:
    """Configuration and layers; `layers` holds those beyond the base, by digest, as sizes."""

    config: dict[str, Any]
    layers: dict[str, int]
    files: dict[str, tarfile.TarInfo]


@pytest.fixture(scope="module")
def ours() -> Image:
    """The image of this checkout, read from its archive."""
    base = set(digests(catalog.python()))
    archive = image.archive()
    layers: dict[str, int] = {}
    files: dict[str, tarfile.TarInfo] = {}
    for digest, layer, size in layers_of(archive):
        if digest not in base:
            layers[digest] = size
            files |= {each.name: each for each in layer}
    return Image(config(archive), layers, files)


def config(archive: Path) -> dict[str, Any]:
    with tarfile.open(archive) as tar:
        found: dict[str, Any] = json.loads(content(tar, manifest(tar)["Config"]))
    return found


def digests(archive: Path) -> list[str]:
    found: list[str] = config(archive)["rootfs"]["diff_ids"]
    return found


def layers_of(archive: Path) -> Iterator[tuple[str, list[tarfile.TarInfo], int]]:
    with tarfile.open(archive) as tar:
        for digest, name in zip(digests(archive), manifest(tar)["Layers"], strict=True):
            member = tar.getmember(name)
            with tarfile.open(fileobj=tar.extractfile(member)) as layer:
                yield digest, layer.getmembers(), member.size


def manifest(tar: tarfile.TarFile) -> dict[str, Any]:
    [found] = json.loads(content(tar, "manifest.json"))
    return dict(found)


def content(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(name)
    assert file is not None
    return file.read()


def test_it_is_light(ours: Image) -> None:
    assert 0 < sum(ours.layers.values()) < BEYOND_THE_BASE


def test_it_runs_as_nobody_in_particular_by_number(ours: Image) -> None:
    user, _, group = ours.config["config"]["User"].partition(":")
    assert user.isdigit()
    assert group.isdigit()
    assert 0 not in (int(user), int(group))


def test_it_starts_without_a_shell(ours: Image) -> None:
    entry = ours.config["config"]["Entrypoint"]
    assert entry[0] == f"/{HOME}/bin/python"
    assert f"{HOME}/bin/python" in ours.files


def test_it_says_what_it_is(ours: Image) -> None:
    labels = ours.config["config"]["Labels"]
    assert labels["org.opencontainers.image.title"] == project.NAME
    assert labels["org.opencontainers.image.version"] == project.version()
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"


def test_everything_of_ours_is_compiled(ours: Image) -> None:
    """On a read-only filesystem Python would compile it at every start."""
    package = f"/site-packages/{project.NAME}/"
    paths = [Path(name) for name in ours.files if package in name]
    compiled = {
        path.parent.parent / f"{path.name.partition('.')[0]}.py"
        for path in paths
        if path.suffix == ".pyc"
    }
    sources = {path for path in paths if path.suffix == ".py"}
    assert sources
    assert sources == compiled


def test_nothing_in_it_can_be_changed_by_whom_it_runs_as(ours: Image) -> None:
    for name, file in ours.files.items():
        assert file.uid == 0, name
        if not file.issym():
            assert not file.mode & (WRITABLE_BY_OTHERS | SET_ID), name


def test_tests_and_tools_stay_outside(ours: Image) -> None:
    packages = {
        Path(name).name.partition("-")[0]
        for name in ours.files
        if name.endswith(".dist-info") or "/site-packages/" in name
    }
    assert packages.isdisjoint({"pip", "setuptools", "pytest", "hatchling", "mypy", "e2e"})
