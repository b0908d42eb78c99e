from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from inferencehealth.api import crds

CRDS = Path(__file__).parents[3] / "crds"
BOTH = [crds.policy_crd(), crds.report_crd()]


def nodes(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[]")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from nodes(schema["additionalProperties"], f"{path}{{}}")


def fields(crd: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return [
        (path, node)
        for path, node in nodes(schema)
        if path not in ("", ".metadata") and not path.endswith(("[]", "{}"))
    ]


def test_the_checked_in_definitions_are_what_the_models_say(tmp_path: Path) -> None:
    for path in crds.write(tmp_path):
        assert (CRDS / path.name).read_text() == path.read_text(), "run `make generate`"


def test_the_files_mean_the_same_to_a_reader_of_yaml_1_1_such_as_kubectl() -> None:
    for crd in BOTH:
        assert yaml.safe_load(crds.text(crd)) == crd


@pytest.mark.parametrize("crd", BOTH, ids=lambda c: c["spec"]["names"]["kind"])
def test_every_field_is_explained(crd: dict[str, Any]) -> None:
    silent = [path for path, node in fields(crd) if len(node.get("description", "")) < 3]
    assert silent == []


def test_nothing_in_a_list_of_the_policy_has_a_default_which_argo_cd_takes_for_a_change() -> None:
    in_lists = [
        path
        for path, node in fields(crds.policy_crd())
        if path.startswith(".spec") and "[]" in path and "default" in node
    ]
    assert in_lists == []


@pytest.mark.parametrize("crd", BOTH, ids=lambda c: c["spec"]["names"]["kind"])
def test_every_node_has_one_type_as_structural_schemas_demand(crd: dict[str, Any]) -> None:
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for path, node in nodes(schema):
        assert ("type" in node) != bool(node.get("x-kubernetes-int-or-string")), path
        assert not {"$ref", "title", "allOf", "oneOf", "const"} & node.keys(), path


@pytest.mark.parametrize("crd", BOTH, ids=lambda c: c["spec"]["names"]["kind"])
def test_every_list_says_how_it_merges(crd: dict[str, Any]) -> None:
    for path, node in fields(crd):
        if node.get("type") == "array":
            assert "x-kubernetes-list-type" in node or path.endswith(".required"), path


def test_a_status_claims_nothing_by_default() -> None:
    for crd in BOTH:
        defaulted = [p for p, n in fields(crd) if p.startswith(".status.") and "default" in n]
        assert defaulted == []


def test_a_policy_that_nobody_has_looked_at_says_so_from_its_creation_on() -> None:
    defaults = {p: n["default"] for p, n in fields(crds.policy_crd()) if "default" in n}
    assert defaults[".status"] == {"observedGeneration": -1}


def test_defaults_are_spelled_as_people_write_them() -> None:
    defaults = {p: n["default"] for p, n in fields(crds.policy_crd()) if "default" in n}
    assert defaults[".spec.checks.interval"] == "10s"
    assert defaults[".spec.probes.mode"] == "Recommend"
    assert defaults[".spec.probes"]["liveness"] == {"strategy": "Profile"}
    assert ".spec.target.container" not in defaults


def test_the_generation_is_the_same_each_time() -> None:
    assert list(crds.policy_crd()) == list(crds.policy_crd())
    first, second = (
        [list(node) for _, node in fields(make())] for make in (crds.policy_crd, crds.policy_crd)
    )
    assert first == second
