"""What a release says of itself: one version everywhere, and an image that is named in full."""

import re

import pytest
import yaml

import inferencehealth
from releasing import image, manifest
from releasing.project import ROOT, version

PROGRAMS = ("programs/controller.yaml", "programs/checker.yaml", "webhook/webhook.yaml")


def test_program_and_package_have_one_version() -> None:
    assert inferencehealth.__version__ == version()


@pytest.mark.parametrize("file", PROGRAMS)
def test_manifests_name_the_image_of_this_version(file: str) -> None:
    documents = yaml.safe_load_all((ROOT / "manifests/base" / file).read_text())
    [pod] = [each["spec"]["template"]["spec"] for each in documents if each["kind"] == "Deployment"]
    assert [container["image"] for container in pod["containers"]] == [image.name()]


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("ihp:1.2", {"newName": "ihp", "newTag": "1.2"}),
        ("images.example/a/ihp:1.2", {"newName": "images.example/a/ihp", "newTag": "1.2"}),
        ("images.example:5000/ihp", {"newName": "images.example:5000/ihp", "newTag": "latest"}),
        ("images.example:5000/ihp:1", {"newName": "images.example:5000/ihp", "newTag": "1"}),
        ("a/ihp@sha256:00", {"newName": "a/ihp", "digest": "sha256:00"}),
    ],
)
def test_an_image_may_be_named_in_every_usual_way(reference: str, expected: dict[str, str]) -> None:
    assert manifest.split(reference) == expected


def test_what_the_image_is_made_of_reaches_the_build() -> None:
    """.dockerignore lets through what the Dockerfile copies, and what decides about a rebuild."""
    copied = re.findall(
        r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE
    )
    names = {name for line in copied for name in line.split()}
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    let_through = {line[1:] for line in ignored if line.startswith("!")}
    assert names == let_through
    assert names <= set(image.SOURCES)


def test_every_package_of_the_image_is_pinned_by_hash() -> None:
    for file in image.REQUIREMENTS:
        text = (ROOT / file).read_text()
        pinned = len(re.findall(r"^[\w.-]+==\S+", text, re.MULTILINE))
        assert pinned == len(re.findall(r"^[\w.-]+", text, re.MULTILINE)) > 0
        assert text.count("--hash=sha256:") >= pinned
