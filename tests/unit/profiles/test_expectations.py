"""JSON Schema in a policy: what it can say, what it may not cost, what must not leak."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferencehealth.profiles.expectations import matcher, schema_problem

HEALTHY = {"properties": {"status": {"const": "ok"}}, "required": ["status"]}
DEFINED = {
    "$defs": {"state": {"enum": ["ok", "up"]}},
    "properties": {"a": {"$ref": "#/$defs/state"}},
}


@pytest.mark.parametrize(
    ("schema", "document", "missed"),
    [
        (HEALTHY, {"status": "ok"}, None),
        (HEALTHY, {"status": "ok", "more": 1}, None),
        (HEALTHY, {"status": "bad"}, "violates properties.status.const of the schema"),
        (HEALTHY, {}, "violates required of the schema"),
        (HEALTHY, [], None),
        ({"type": "object"}, [], "violates type of the schema"),
        (DEFINED, {"a": "up"}, None),
        (DEFINED, {"a": "no"}, "violates properties.a.enum of the schema"),
        ({"not": {}}, 1, "violates not of the schema"),
        ({"properties": {"pattern": {"const": 1}}}, {"pattern": 1}, None),
        ({"enum": [{"pattern": "x"}]}, {"pattern": "x"}, None),
    ],
)
def test_a_document_is_compared(schema: Any, document: Any, missed: str | None) -> None:
    assert schema_problem(schema) is None
    assert matcher(schema)(document) == missed


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"type": "objekt"}, "at type:"),
        ({"properties": {"a": {"minimum": "1"}}}, "at properties.a.minimum:"),
        ({"pattern": "^(a+)+$"}, "regular expressions are not supported"),
        ({"properties": {"a": {"patternProperties": {"a": {}}}}}, "regular expressions"),
        ({"uniqueItems": True}, "not supported"),
        ({"$ref": "http://elsewhere.test/schema"}, "is not"),
        ({"$ref": "file:///etc/passwd"}, "is not"),
        ({"$ref": "#/$defs/absent"}, "is not"),
        ({"$ref": "#/enum/0", "enum": [{"pattern": "x"}]}, "is not"),
        ({"allOf": [{"$ref": "other.json"}]}, "is not"),
        ({"$dynamicRef": "#x"}, "$defs"),
        ({"$id": "http://elsewhere.test/"}, "not supported"),
        ({"$schema": "http://json-schema.org/draft-04/schema#"}, "must be"),
        ({"properties": {"a": {"$schema": "http://json-schema.org/draft-04/schema#"}}}, "top"),
        ({"description": "x" * 20_000}, "longer than 16 KiB"),
    ],
)
def test_a_schema_that_can_not_be_used_is_explained(schema: Any, told: str) -> None:
    problem = schema_problem(schema)
    assert problem is not None
    assert told in problem
    missed = matcher(schema)({"a": 1})
    assert missed is not None
    assert missed.startswith("can't be compared")


def test_the_dialect_itself_may_be_named() -> None:
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **HEALTHY}
    assert schema_problem(schema) is None
    assert matcher(schema)({"status": "ok"}) is None


def test_nothing_of_the_document_appears_in_what_is_told() -> None:
    schema = {"additionalProperties": {"const": 1}, "propertyNames": {"maxLength": 5}}
    missed = matcher(schema)({"secret-token": "hunter2"})
    assert missed is not None
    assert "secret" not in missed
    assert "hunter2" not in missed


def doubling(levels: int) -> dict[str, Any]:
    """A schema whose evaluation doubles with every level."""
    definitions: dict[str, Any] = {
        f"l{n}": {"allOf": [{"$ref": f"#/$defs/l{n + 1}"}] * 2} for n in range(levels)
    }
    return {"$defs": {**definitions, f"l{levels}": {"type": "object"}}, "$ref": "#/$defs/l0"}


@pytest.mark.parametrize(
    ("schema", "document"),
    [
        (doubling(40), {}),
        ({"allOf": [{"items": {}}] * 500}, [0] * 32_000),
        ({"items": {"enum": [[n] for n in range(500)]}}, [[]] * 20_000),
        ({"items": {"properties": {f"p{n}": {} for n in range(200)}}}, [{"a": 1}] * 5_000),
    ],
)
def test_work_that_would_take_for_ever_is_given_up(schema: Any, document: Any) -> None:
    assert schema_problem(schema) is None
    assert matcher(schema)(document) == "takes too much work to compare with the schema"


def test_an_endless_reference_is_no_crash() -> None:
    missed = matcher({"$ref": "#"})({})
    assert missed is not None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=20,
)


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "type",
                "const",
                "items",
                "allOf",
                "$ref",
                "properties",
                "minimum",
                "multipleOf",
                "contains",
                "if",
                "$defs",
            ]
        ),
        json_values,
        max_size=4,
    ),
    json_values,
)
def test_no_schema_and_no_document_make_it_raise(schema: dict[str, Any], document: Any) -> None:
    schema_problem(schema)
    matcher(schema)(document)
