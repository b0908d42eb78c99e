"""What a policy expects of a JSON body: JSON Schema (draft 2020-12), with bounded work.

A schema comes from a tenant and a body from a server, and both are read between checks of other
pods: so no `$ref` leaves the schema, no regular expression runs, and every body has an end.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from jsonschema import Draft202012Validator, SchemaError, validators
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
MAX_SCHEMA: Final = 16 * 1024
"""Bytes of a schema."""
MAX_WORK: Final = 20_000
"""Steps that comparing one body may take, about 0.2 s; a sensible health schema needs ten."""

_UNSUPPORTED: Final = {
    "pattern": 'regular expressions are not supported; list the values with "enum"',
    "patternProperties": 'regular expressions are not supported; list names in "properties"',
    "uniqueItems": "comparing all items with all others is not supported",
    "$dynamicRef": 'use "$ref" with a pointer into "$defs"',
    "$schema": "it belongs at the top of the schema",
    "$id": 'schemas inside a schema are not supported; use "$ref" with a pointer into "$defs"',
}

_EVALUATION_ERRORS: Final = (
    Unresolvable,
    SchemaError,
    RecursionError,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)
"""What a validator may raise over a schema that its metaschema let pass."""

_Keyword = Callable[[Any, Any, Any, Any], Any]


class _TooMuchWorkError(Exception):
    """The comparison took more than MAX_WORK steps."""


def schema_problem(schema: Mapping[str, Any]) -> str | None:
    """What is wrong with a schema, as half a sentence; None for one that can be used."""
    try:
        if len(json.dumps(schema)) > MAX_SCHEMA:
            return f"it is longer than {MAX_SCHEMA // 1024} KiB"
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return f"at {_place(error.absolute_path)}: {error.message[:200]}"
    except (RecursionError, TypeError, ValueError):
        return "it is no JSON, or nested too deeply"
    if schema.get("$schema", DIALECT).rstrip("#") != DIALECT:
        return f'"$schema" must be {DIALECT} or absent'
    rules = _without_dialect(schema)
    nodes = _nodes(DRAFT202012.create_resource(rules))
    defined = rules.get("$defs", {})
    return next((found for node in nodes if (found := _beyond(node, defined))), None)


def matcher(schema: Mapping[str, Any]) -> Callable[[Any], str | None]:
    """A function that says how a document misses the schema; None where it matches.

    It names the place in the schema, never anything of the document, and does not raise. It is
    called for every answer, a thousand times a second: whatever depends on the schema alone is
    done here, once.
    """
    unusable = schema_problem(schema)
    if unusable:
        return lambda _document: f"can't be compared: the schema is not usable: {unusable}"
    allowance = _Allowance()
    validator = _bounded(allowance)(_without_dialect(schema), registry=Registry())

    def mismatch(document: Any) -> str | None:
        allowance.left = MAX_WORK
        try:
            error = next(iter(validator.iter_errors(document)), None)
        except _TooMuchWorkError:
            return "takes too much work to compare with the schema"
        except _EVALUATION_ERRORS:
            return "can't be compared: the schema fails on it"
        return f"violates {_place(error.absolute_schema_path)} of the schema" if error else None

    return mismatch


def _without_dialect(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema without "$schema", which would choose a validator without our bounds."""
    return {key: value for key, value in schema.items() if key != "$schema"}


@dataclass(slots=True)
class _Allowance:
    """Steps that the comparison under way may still take."""

    left: int = MAX_WORK


def _bounded(allowance: _Allowance) -> Any:
    """A validator class whose keywords all draw on one allowance."""

    def counted(check: _Keyword) -> _Keyword:
        def run(validator: Any, value: Any, instance: Any, schema: Any) -> Any:
            allowance.left -= 1 + _size(value) + _size(instance)
            if allowance.left < 0:
                raise _TooMuchWorkError
            return check(validator, value, instance, schema)

        return run

    keywords = {name: counted(check) for name, check in Draft202012Validator.VALIDATORS.items()}
    return validators.extend(Draft202012Validator, keywords)  # type: ignore[no-untyped-call]


def _size(value: Any) -> int:
    return len(value) if isinstance(value, list | dict) else 0


def _beyond(node: Mapping[str, Any], defined: Mapping[str, Any]) -> str | None:
    """What of a valid schema's node is not supported here."""
    refused = next((keyword for keyword in _UNSUPPORTED if keyword in node), None)
    if refused:
        return f'"{refused}": {_UNSUPPORTED[refused]}'
    target = str(node.get("$ref", "#"))
    if target == "#" or target.removeprefix("#/$defs/") in defined:
        return None
    return f'"$ref": {target[:100]!r} is not "#" or a name under "#/$defs/"'


def _nodes(resource: Resource[Any]) -> Iterator[Mapping[str, Any]]:
    """Every object of a schema that is read as a schema; data such as enum's is not."""
    if isinstance(resource.contents, dict):
        yield resource.contents
    for inner in resource.subresources():
        yield from _nodes(inner)


def _place(path: Iterable[str | int]) -> str:
    """A place in a schema: "properties.status.const"; "its root" for the top."""
    return ".".join(str(part)[:63] for part in path) or "its root"
