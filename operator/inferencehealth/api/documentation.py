"""The list of fields for people, docs/fields.md, made from the schemas that the API server gets.

Run by `make generate`: python -m inferencehealth.api.documentation docs/fields.md
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from inferencehealth.api import durations
from inferencehealth.api.crds import Manifest, policy_crd, report_crd
from inferencehealth.api.schema import Schema

_HEAD: Final = """# Fields

<!-- Made from operator/inferencehealth/api by `make generate`; do not edit. -->

Every field of both kinds, as `kubectl explain ihp.spec.probes.budgets` tells them, too. A name with
`[]` is a list, one with `.*` a map whose keys are yours. A duration is written `90s`, `10m` or
`1h30m`. What the API server refuses beyond that, it says in a sentence, which stands under *Rules*.
Parts that have the same fields as one before are not told twice.

[InferenceHealthPolicy](#inferencehealthpolicy) is what you write;
[InferenceHealthReport](#inferencehealthreport) is what the operator writes, one for each workload.
"""
WORTH_A_REFERENCE: Final = 3
"""Fields of a part that make it shorter to name the same part elsewhere."""
Seen = dict[str, str]
"""The fields of each part told so far, and the path where they were."""
_COLUMNS: Final = "| field | type | default | meaning |\n| --- | --- | --- | --- |\n"


def page() -> str:
    """The whole page: both kinds, each with a table for every part of spec and one for status."""
    return _HEAD + "".join(_kind(crd) for crd in (policy_crd(), report_crd()))


def _kind(crd: Manifest) -> str:
    kind = crd["spec"]["names"]["kind"]
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    told = f"\n## {kind}\n\n{schema['description']}\n"
    parts = schema["properties"]
    seen: Seen = {}
    for name, child in parts["spec"]["properties"].items():
        told += _part(f"{kind}: spec.{name}", f"spec.{name}", child, seen)
    return told + _part(f"{kind}: status", "status", parts["status"], seen)


def _part(title: str, path: str, schema: Schema, seen: Seen) -> str:
    rows = "".join(f"| {' | '.join(map(_cell, row))} |\n" for row in _rows(path, schema, seen))
    rules = "".join(f"- {rule}\n" for rule in dict.fromkeys(_rules(schema)))
    return f"\n### {title}\n\n{_COLUMNS}{rows}" + (f"\nRules:\n\n{rules}" if rules else "")


def _rows(
    path: str, schema: Schema, seen: Seen, *, required: bool = False
) -> Iterator[tuple[str, ...]]:
    """The field itself, then those below it; of a list or a map, those of one item."""
    inner, place = schema, path
    while below := _item(inner):
        inner, mark = below
        place += mark
    fields = inner.get("properties", {})
    first = seen.setdefault(json.dumps(fields), place)
    default = "required" if required else _default(schema)
    told = schema.get("description", "")
    if len(fields) < WORTH_A_REFERENCE or first == place:
        yield f"`{path}`", _type(schema), default, told
        for name, child in fields.items():
            needed = name in inner.get("required", ())
            yield from _rows(f"{place}.{name}", child, seen, required=needed)
    else:
        yield f"`{path}`", _type(schema), default, f"{told} Its fields are those of `{first}`."


def _item(schema: Schema) -> tuple[Schema, str] | None:
    """The schema of a list's or map's items, and how a path says that it is one."""
    if "items" in schema:
        return schema["items"], "[]"
    if "additionalProperties" in schema:
        return schema["additionalProperties"], ".*"
    return None


def _type(schema: Schema) -> str:
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("x-kubernetes-int-or-string"):
        return "integer or string"
    if schema.get("pattern") == durations.PATTERN:
        return "duration"
    if "items" in schema:
        return f"list of {_type(schema['items'])}"
    if "additionalProperties" in schema:
        return f"map to {_type(schema['additionalProperties'])}"
    return f"{schema.get('type', 'any value')}{_bounds(schema)}"


def _bounds(schema: Schema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is None and high is None:
        return ""
    if high is None:
        return f", {low} or more"
    return f", {low} to {high}" if low is not None else f", at most {high}"


def _default(schema: Schema) -> str:
    """A part's default is that of its fields, which have rows of their own."""
    default = schema.get("default")
    return "" if default is None or isinstance(default, dict) else f"`{json.dumps(default)}`"


def _rules(schema: Schema) -> Iterator[str]:
    yield from (rule["message"] for rule in schema.get("x-kubernetes-validations", ()))
    for child in schema.get("properties", {}).values():
        yield from _rules(child)
    if below := _item(schema):
        yield from _rules(below[0])


def _cell(text: str) -> str:
    """Text that a table's cell can hold: no bars, and no tags."""
    escaped = text.replace("|", r"\|")
    return escaped if escaped.startswith("`") else escaped.replace("<", "&lt;")


def main() -> None:
    """Write the page to the path given."""
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
