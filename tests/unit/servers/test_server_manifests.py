"""The servers' manifests: real names, no probes, nothing pulled, nothing tied to a namespace."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.servers import catalog, manifests

NAMES = {catalog.TRITON_ALIAS, catalog.ASR, catalog.ASR_ALIAS, catalog.REDIS}
FILES = sorted(manifests.FOLDER.glob("*.yaml"))


def documents() -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in FILES:
        for document in yaml.safe_load_all(path.read_text()):
            yield path, document


def containers() -> list[dict[str, Any]]:
    return [
        container
        for _, document in documents()
        if document["kind"] == "Deployment"
        for container in document["spec"]["template"]["spec"]["containers"]
    ]


def test_every_image_is_one_that_we_build_and_none_is_pulled() -> None:
    assert {each["image"] for each in containers()} == NAMES
    assert {each["imagePullPolicy"] for each in containers()} == {"Never"}


def test_no_container_has_a_probe() -> None:
    probes = {"startupProbe", "livenessProbe", "readinessProbe"}
    assert [each["name"] for each in containers() if probes & each.keys()] == []


def test_no_object_names_a_namespace() -> None:
    named = [document for _, document in documents() if "namespace" in document["metadata"]]
    assert named == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_services_come_before_the_pods_that_read_their_addresses(path: Path) -> None:
    kinds = [document["kind"] for each, document in documents() if each == path]
    assert kinds == sorted(kinds, key=["Service", "Deployment"].index)
