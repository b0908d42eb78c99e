"""The JSON Schemas that editors and CI read: they take what is right and refuse what is not."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from inferencehealth.api import editors

CHECKOUT = Path(__file__).parents[3]
SCHEMAS = CHECKOUT / "schemas"
FOLDER = SCHEMAS / "inferencehealth.dev"
EXAMPLES = sorted((CHECKOUT / "examples").glob("*.yaml"))
MODELINE = "# yaml-language-server: $schema="
TRITON = yaml.safe_load((CHECKOUT / "examples/triton.yaml").read_text())


def validator(kind: str) -> Draft7Validator:
    schema = json.loads((FOLDER / f"{kind.lower()}_v1alpha1.json").read_text())
    Draft7Validator.check_schema(schema)
    return Draft7Validator(schema)


POLICY = validator("InferenceHealthPolicy")


def test_the_checked_in_schemas_are_what_the_models_say(tmp_path: Path) -> None:
    written = editors.write(tmp_path)
    assert {path.name for path in written} == {path.name for path in FOLDER.iterdir()}
    for path in written:
        assert (FOLDER / path.name).read_text() == path.read_text(), "run `make generate`"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_valid_and_tells_editors_where_its_schema_is(path: Path) -> None:
    text = path.read_text()
    assert [error.message for error in POLICY.iter_errors(yaml.safe_load(text))] == []
    assert text.startswith(MODELINE)
    named = text.partition("\n")[0].removeprefix(MODELINE)
    assert (path.parent / named).resolve() == FOLDER / "inferencehealthpolicy_v1alpha1.json"


@pytest.mark.parametrize("kind", ["InferenceHealthPolicy", "InferenceHealthReport"])
def test_hovering_over_a_field_tells_what_it_means(kind: str) -> None:
    schema = validator(kind).schema
    assert not list(silent(schema))
    assert "x-kubernetes" not in json.dumps(schema)


def silent(node: dict[str, Any]) -> list[str]:
    found = []
    for name, child in node.get("properties", {}).items():
        found += [name] if not child.get("description") else []
        found += silent(child) + silent(child.get("items", {}))
    return found


MISTAKES: list[tuple[str, Any, str]] = [
    ("spec.probes.mode", "Aply", "is not one of"),
    ("spec.probes.mode", False, "is not of type 'string'"),  # a bare Off, to YAML 1.1
    ("spec.probes.budget", {}, "Additional properties are not allowed ('budget' was unexpected)"),
    ("spec.probes.budgets.maxStartup", "10 minutes", "does not match"),
    ("spec.checks.failureThreshold", 0, "is less than the minimum"),
    ("spec.server.port", {"number": 1}, "is not valid under any of the given schemas"),
    ("spec.target.kinds", ["Pod"], "is not one of"),
    ("kind", "InferenceHealthPolicies", "was expected"),
    ("spec", None, "is not of type 'object'"),
]


@pytest.mark.parametrize(("where", "value", "told"), MISTAKES)
def test_a_mistake_is_told(where: str, value: Any, told: str) -> None:
    wrong = copy.deepcopy(TRITON)
    *parents, last = where.split(".")
    node = wrong
    for parent in parents:
        node = node[parent]
    node[last] = value
    messages = [error.message for error in POLICY.iter_errors(wrong)]
    assert any(told in message for message in messages), messages


def test_what_is_missing_is_told() -> None:
    messages = [error.message for error in POLICY.iter_errors({"spec": {}})]
    assert "'apiVersion' is a required property" in messages
    assert "'target' is a required property" in messages
