"""The snippets of docs/with-kserve.md, which the suites apply as they stand there."""

import re
from pathlib import Path
from typing import Any

import yaml

PAGE = Path(__file__).resolve().parents[2] / "docs/with-kserve.md"
_BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def printed(kind: str, name: str) -> dict[str, Any]:
    """An object of the page. Raises KeyError where the page has no such one."""
    return objects()[kind, name]


def objects() -> dict[tuple[str, str], dict[str, Any]]:
    """All objects of the page, by kind and name."""
    found = [
        one
        for block in _BLOCK.findall(PAGE.read_text())
        for one in yaml.safe_load_all(block)
        if one is not None
    ]
    return {(one["kind"], one["metadata"]["name"]): one for one in found}
