"""From our models to structural CRD schemas: the form the API server and `kubectl explain` need.

pydantic emits JSON Schema with references, titles and unions with null; Kubernetes wants a tree
without references in which every node has one type (apiextensions/v1, "structural schema").
"""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from inferencehealth.api import durations

Schema = dict[str, Any]

_KEPT = (
    "description",
    "type",
    "enum",
    "pattern",
    "format",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "required",
)
"""Keywords that mean the same in both worlds, in the order in which they are written."""


def structural_schema(model: type[BaseModel]) -> Schema:
    """The structural schema of a model, with descriptions, defaults, bounds and CEL rules."""
    document = model.model_json_schema(by_alias=True)
    return _node(document, document.get("$defs", {}))


def without_defaults(schema: Schema) -> Schema:
    """The same schema for a status: what nobody has written yet must not look as if it were."""
    return {
        key: without_defaults(value) if isinstance(value, dict) else value
        for key, value in schema.items()
        if key != "default"
    }


def _node(node: Mapping[str, Any], defs: Mapping[str, Schema]) -> Schema:
    node = _without_null(_dereferenced(node, defs), defs)
    extensions = {key: value for key, value in node.items() if key.startswith("x-kubernetes-")}
    out: Schema = {key: node[key] for key in _KEPT if key in node} | extensions
    if "const" in node:
        out["enum"] = [node["const"]]
    if "description" in out:
        out["description"] = _sentence(out["description"], node.get("examples", ()))
    if extensions.get("x-kubernetes-int-or-string"):
        out.pop("type", None)
        return out | {"anyOf": [{"type": "integer"}, {"type": "string"}]} | _default(node, out)
    if out.get("type") == "object":
        out |= _object(node, defs)
    if out.get("type") == "array":
        out["items"] = _node(node["items"], defs)
    if out.get("type") == "integer":
        out["format"] = "int64"
    return out | _default(node, out)


def _object(node: Mapping[str, Any], defs: Mapping[str, Schema]) -> Schema:
    if "properties" in node:
        return {
            "properties": {name: _node(child, defs) for name, child in node["properties"].items()}
        }
    values = node.get("additionalProperties")
    if isinstance(values, Mapping) and values:
        return {"additionalProperties": _node(values, defs)}
    return {}


def _dereferenced(node: Mapping[str, Any], defs: Mapping[str, Schema]) -> Schema:
    """The node with its reference resolved; what stands beside the reference wins."""
    reference = node.get("$ref")
    if reference is None:
        return dict(node)
    beside = {key: value for key, value in node.items() if key != "$ref"}
    return dict(defs[reference.removeprefix("#/$defs/")]) | beside


def _without_null(node: Schema, defs: Mapping[str, Schema]) -> Schema:
    """Absent is how Kubernetes says null, so a union with null is the other branch."""
    branches = [b for b in node.get("anyOf", ()) if b.get("type") != "null"]
    if len(branches) != 1:
        return node
    beside = {key: value for key, value in node.items() if key != "anyOf"}
    return _dereferenced(branches[0], defs) | beside


def _default(node: Mapping[str, Any], out: Schema) -> Schema:
    """Defaults that change something; empty ones would only clutter the objects people read.

    An object's default is spelled out: the API server evaluates its CEL rules on the default as
    it stands, before it fills in those of the fields.
    """
    default = node.get("default")
    if out.get("type") == "object" and isinstance(default, Mapping):
        children = out.get("properties", {})
        spelled = {name: child["default"] for name, child in children.items() if "default" in child}
        return {"default": spelled} if spelled else {}
    if default is None or default in ("", [], {}):
        return {}
    is_duration = out.get("pattern") == durations.PATTERN
    return {"default": durations.format_duration(default) if is_duration else default}


def _sentence(description: str, examples: tuple[Any, ...] | list[Any]) -> str:
    text = " ".join(description.split())
    if not examples:
        return text
    example = examples[0] if isinstance(examples[0], str) else json.dumps(examples[0])
    return f"{text} Example: {example}."
