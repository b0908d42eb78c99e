"""Whether a version may be released, and what its notes say: from tag and changelog. Pure."""

import re
from dataclasses import dataclass

UNRELEASED = "Unreleased"


class ReleaseError(RuntimeError):
    """What stands in the way of a release, with the remedy."""


@dataclass(frozen=True, slots=True)
class Commit:
    """What Git says of the checkout; `tag` is "" where no tag names the commit."""

    tag: str
    dirty: bool


def notes(version: str, commit: Commit, changelog: str) -> str:
    """The notes of this version; those of what is unreleased where the commit has no tag.

    Raises ReleaseError where tag, version, changelog and files do not fit together.
    """
    if commit.tag and commit.tag != f"v{version}":
        raise ReleaseError(
            f"the tag is {commit.tag} and pyproject.toml says {version}; "
            f"set the version first (docs/releasing.md), or tag v{version}"
        )
    if commit.tag and commit.dirty:
        raise ReleaseError(f"files differ from {commit.tag}; release from a clean checkout of it")
    wanted = version if commit.tag else UNRELEASED
    found = section(changelog, wanted) or ("" if commit.tag else section(changelog, version))
    if not found:
        raise ReleaseError(f"CHANGELOG.md has nothing below ## [{wanted}]; say what is new there")
    return found


def section(changelog: str, title: str) -> str:
    """What a changelog says below `## [title]`; "" where it says nothing."""
    for part in re.split(r"^## ", changelog, flags=re.MULTILINE)[1:]:
        heading, _, text = part.partition("\n")
        if heading.startswith(f"[{title}]"):
            return text.strip()
    return ""
