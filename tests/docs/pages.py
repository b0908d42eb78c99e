"""What stands in the pages people read: commands, and YAML. Pure but for reading the files."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from inferencehealth.api.names import GROUP, POLICY_KIND, VERSION
from inferencehealth.api.policy import PolicySpec

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SELECTOR = {"selector": {"matchLabels": {"tier": "inference"}}}

_SHELLS = {"console", "sh", "shell", "bash"}
_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"^ {4}((?:ihp|kubectl|make) .+)$", re.MULTILINE)
_FIELDS = {field.alias or name for name, field in PolicySpec.model_fields.items()}


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: where it stands, its language, and its text without the indentation."""

    page: str
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        """File and line, as editors take them."""
        return f"{self.page}:{self.line}"


@dataclass(frozen=True, slots=True)
class Command:
    """A line to type, without its prompt."""

    place: str
    text: str


def pages() -> list[Path]:
    """README and all pages for users; decisions are for those who carry on."""
    found = [path for path in sorted(DOCS.rglob("*.md")) if "decisions" not in path.parts]
    return [ROOT / "README.md", *found]


def blocks(path: Path) -> Iterator[Block]:
    """The fenced blocks of a page."""
    text, name = path.read_text(encoding="utf-8"), str(path.relative_to(ROOT))
    for match in _BLOCK.finditer(text):
        line = text.count("\n", 0, match.start()) + 2
        body = re.sub(f"^{match[1]}", "", match[3], flags=re.MULTILINE)
        yield Block(name, line, match[2], body)


def commands() -> list[Command]:
    """What people are told to type, in the order of the pages."""
    return [command for path in pages() for command in _on(path)]


def _on(path: Path) -> Iterator[Command]:
    for block in blocks(path):
        if block.language in _SHELLS and not block.text.startswith("#!"):
            yield from _typed(block)
    text, name = path.read_text(encoding="utf-8"), str(path.relative_to(ROOT))
    unfenced = _BLOCK.sub(lambda match: "\n" * match[0].count("\n"), text)
    for match in _INDENTED.finditer(unfenced):
        line = unfenced.count("\n", 0, match.start()) + 1
        yield Command(f"{name}:{line}", match[1])


def _typed(block: Block) -> Iterator[Command]:
    """The lines of a block; where some have prompts, those without are output."""
    prompted = any(line.startswith("$ ") for line in block.text.splitlines())
    for line in block.text.replace("\\\n", " ").splitlines():
        typed = line.removeprefix("$ ").strip()
        if typed and (line.startswith("$ ") or not prompted):
            yield Command(block.place, typed)


def documents(block: Block) -> list[Any]:
    """What a block of YAML says; raises yaml.YAMLError."""
    return [document for document in yaml.safe_load_all(block.text) if document]


def as_policy(document: Any) -> dict[str, Any] | None:
    """The policy that a document is, or that a piece of one is a part of."""
    if not isinstance(document, dict):
        return None
    if document.get("kind") == POLICY_KIND:
        return document
    spec = document.get("spec")
    if set(document) != {"spec"} or not isinstance(spec, dict) or not set(spec) <= _FIELDS:
        return None
    head = {"apiVersion": f"{GROUP}/{VERSION}", "kind": POLICY_KIND, "metadata": {"name": "piece"}}
    return head | {"spec": {"target": SELECTOR} | spec}
