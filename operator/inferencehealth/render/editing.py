"""Changes to the text of a manifest that leave every other byte as its author wrote it. Pure.

A container in YAML or JSON text is found by its path; fields are added at its end, or take the
place of what stood there. Comments, blank lines, quotes and the order of keys stay. What was
changed is read again and compared with what it should be, so that unusual YAML is refused and
never damaged.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from inferencehealth.manifests import Path
from inferencehealth.render.writing import as_yaml


class CannotEditError(ValueError):
    """The text can't be changed without touching more than was asked; says why."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Fields of one mapping of a document: each takes the place of what stood there, or is new."""

    at: Path
    fields: Mapping[str, Any]


def edited(text: str, edits: Sequence[Edit]) -> str:
    """The text of one document after the edits.

    Raises CannotEditError where an alias, a merge key or the like would carry a change to another
    place, or where there is no such mapping.
    """
    root = yaml.compose(text, Loader=_LOADER)
    cuts = [cut for edit in edits for cut in _cuts(text, _node(root, edit.at), edit.fields)]
    changed = text
    for start, end, new in sorted(cuts, reverse=True):
        changed = changed[:start] + new + changed[end:]
    if _loaded(changed) != _expected(_loaded(text), edits):
        if not text.endswith("\n"):
            raise CannotEditError("it ends without a newline; add one")
        raise CannotEditError(
            "its YAML shares this part with another place (anchor, alias or merge key); "
            "write the container out in full"
        )
    return changed


_Cut = tuple[int, int, str]
"""Text from an offset up to another, and what takes its place."""


def _cuts(text: str, mapping: yaml.MappingNode, fields: Mapping[str, Any]) -> list[_Cut]:
    present = {key.value: (key, value) for key, value in mapping.value}
    cuts: list[_Cut] = []
    added: dict[str, Any] = {}
    for name, value in fields.items():
        if name not in present:
            added[name] = value
        elif mapping.flow_style:
            cuts.append(_replace_in_flow(text, *present[name], value))
        else:
            cuts.append(_replace_in_block(text, *present[name], value))
    if added:
        add = _add_to_flow if mapping.flow_style else _add_to_block
        cuts.append(add(text, mapping, added))
    return cuts


def _replace_in_block(text: str, key: yaml.Node, value: yaml.Node, new: Any) -> _Cut:
    start = key.start_mark.index
    lines = _block({key.value: new}, key.start_mark.column, _newline(text))
    return start, _end_of_line(text, _end(text, value)), lines.lstrip(" ")


def _add_to_block(text: str, mapping: yaml.MappingNode, fields: Mapping[str, Any]) -> _Cut:
    last_key, last = mapping.value[-1]
    end = _end_of_line(text, max(_end(text, last), last_key.end_mark.index))
    newline = _newline(text)
    column = mapping.value[0][0].start_mark.column
    return end, end, newline + _block(fields, column, newline)


def _replace_in_flow(text: str, key: yaml.Node, value: yaml.Node, new: Any) -> _Cut:
    indent = _indent(text, key.start_mark.index)
    told = _flow(new, indent, spread="\n" in text[value.start_mark.index : value.end_mark.index])
    return value.start_mark.index, value.end_mark.index, told.replace("\n", _newline(text))


def _add_to_flow(text: str, mapping: yaml.MappingNode, fields: Mapping[str, Any]) -> _Cut:
    last_key, last = mapping.value[-1]
    at = last.end_mark.index
    spread = "\n" in text[mapping.start_mark.index : last_key.start_mark.index]
    indent = _indent(text, last_key.start_mark.index)
    between = f",\n{indent}" if spread else ", "
    told = "".join(
        f"{between}{json.dumps(name)}: {_flow(value, indent, spread=spread)}"
        for name, value in fields.items()
    )
    return at, at, told.replace("\n", _newline(text))


def _block(fields: Mapping[str, Any], column: int, newline: str) -> str:
    """The fields as block YAML that begins at a column; without a newline at the end."""
    told = as_yaml(dict(fields))
    return newline.join(" " * column + line for line in told.rstrip("\n").split("\n"))


def _flow(value: Any, indent: str, *, spread: bool) -> str:
    """The value as JSON, over several lines if its surroundings are."""
    if not spread:
        return json.dumps(value, ensure_ascii=False)
    return json.dumps(value, indent=2, ensure_ascii=False).replace("\n", f"\n{indent}")


def _node(root: yaml.Node | None, path: Path) -> yaml.MappingNode:
    node = root
    for step in path:
        if isinstance(node, yaml.MappingNode):
            node = next((value for key, value in node.value if key.value == step), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            node = node.value[step] if step < len(node.value) else None
        else:
            node = None
    if not isinstance(node, yaml.MappingNode) or not node.value:
        raise CannotEditError(f"it has nothing at {'.'.join(map(str, path))}")
    return node


def _end(text: str, node: yaml.Node) -> int:
    """Where the last thing that a node says ends; a block's own mark lies behind its comments."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    end: int = node.end_mark.index
    while end > node.start_mark.index and text[end - 1] in "\r\n":
        end -= 1
    return end


def _end_of_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    if end < 0:
        return len(text.rstrip("\r\n")) if at < len(text.rstrip("\r\n")) else len(text)
    return end - 1 if end > at and text[end - 1] == "\r" else end


def _indent(text: str, at: int) -> str:
    """The blanks at the beginning of the line of an offset."""
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip())]


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _expected(document: Any, edits: Sequence[Edit]) -> Any:
    for edit in edits:
        document = with_fields(document, edit.at, edit.fields)
    return document


def with_fields(value: Any, path: Path, fields: Mapping[str, Any]) -> Any:
    """A copy of a document with the fields set at the path; the original stays as it is."""
    if not path:
        return {**value, **fields}
    step, rest = path[0], path[1:]
    if isinstance(value, list):
        return [
            with_fields(each, rest, fields) if i == step else each for i, each in enumerate(value)
        ]
    return {k: with_fields(each, rest, fields) if k == step else each for k, each in value.items()}


def _loaded(text: str) -> Any:
    return yaml.load(text, Loader=_LOADER)  # noqa: S506 - a safe loader


_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
