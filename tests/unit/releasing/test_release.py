"""When a version may be released, and what makes its files the same every time."""

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from releasing.notes import Commit, ReleaseError, notes, section
from releasing.parts import copy_metadata
from releasing.project import ROOT, version
from releasing.release import SUMS, dated, sums

CHANGELOG = """# Changelog

## [Unreleased]

### Added

- Something new.

## [0.2.0] - 2026-11-21

- Second.

## [0.1.0]
"""
TAGGED, BETWEEN = Commit("v0.2.0", dirty=False), Commit("", dirty=True)


@pytest.mark.parametrize(
    ("version", "commit", "expected"),
    [
        ("0.2.0", TAGGED, "- Second."),
        ("0.3.0", BETWEEN, "### Added\n\n- Something new."),
    ],
)
def test_notes_are_those_of_the_version_or_of_what_is_unreleased(
    version: str, commit: Commit, expected: str
) -> None:
    assert notes(version, commit, CHANGELOG) == expected


def test_between_the_release_and_the_next_change_the_notes_are_those_of_the_version() -> None:
    assert notes(
        "0.2.0", BETWEEN, CHANGELOG.replace("- Something new.", "").replace("### Added", "")
    )


@pytest.mark.parametrize(
    ("version", "commit", "said"),
    [
        ("0.3.0", TAGGED, "the tag is v0.2.0 and pyproject.toml says 0.3.0"),
        ("0.2.0", Commit("v0.2.0", dirty=True), "differ from v0.2.0"),
        ("0.1.0", Commit("v0.1.0", dirty=False), r"nothing below ## \[0.1.0\]"),
        ("0.9.0", Commit("v0.9.0", dirty=False), r"nothing below ## \[0.9.0\]"),
    ],
)
def test_what_does_not_fit_together_is_no_release(version: str, commit: Commit, said: str) -> None:
    with pytest.raises(ReleaseError, match=said):
        notes(version, commit, CHANGELOG)


def test_our_own_changelog_has_something_to_tell() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert section(changelog, "Unreleased") or section(changelog, version())


def packed(names: list[str], mtime: int) -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(name), mtime
            tar.addfile(member, io.BytesIO(name.encode()))
    return gzip.compress(plain.getvalue(), mtime=mtime)


def test_a_chart_that_is_packed_twice_is_the_same_file() -> None:
    first, second = packed(["x/b", "x/a"], 1), packed(["x/a", "x/b"], 2)
    assert first != second
    assert dated(first, 7) == dated(second, 7)
    with tarfile.open(fileobj=io.BytesIO(dated(first, 7))) as tar:
        assert [(each.name, each.mtime) for each in tar] == [("x/a", 7), ("x/b", 7)]


def test_checksums_are_of_every_file_but_their_own(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"")
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / SUMS).write_text("old")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    lines = sums(tmp_path).splitlines()
    assert [line.split("  ")[1] for line in lines] == ["a", "b"]
    assert lines[1] == f"{empty}  b"


def test_of_an_image_only_what_packages_say_of_themselves_is_read(tmp_path: Path) -> None:
    where = "opt/inferencehealth/lib/python3.11/site-packages"
    layer = gzip.decompress(
        packed([f"{where}/kopf-1.dist-info/METADATA", f"{where}/kopf/a.py", "etc/passwd"], 0)
    )
    archive, target = tmp_path / "image.tar", tmp_path / "packages"
    with tarfile.open(archive, "w") as tar:
        member = tarfile.TarInfo("layer.tar")
        member.size = len(layer)
        tar.addfile(member, io.BytesIO(layer))
    target.mkdir()
    copy_metadata(archive, target)
    files = [path for path in target.rglob("*") if path.is_file()]
    assert [path.relative_to(target) for path in files] == [Path("kopf-1.dist-info/METADATA")]
