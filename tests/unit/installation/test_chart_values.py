"""The chart's values have one source, and defaults that it allows itself."""

import json

import jsonschema
import pytest
import yaml

from inferencehealth.installation import chart
from inferencehealth.installation.values import Values
from releasing.project import ROOT, version

CHART = ROOT / "manifests" / "chart"
SCHEMA = json.loads(chart.schema_json())


def test_the_files_of_the_chart_are_the_ones_that_are_generated() -> None:
    assert (CHART / "values.yaml").read_text() == chart.values_yaml(), "run `make generate`"
    assert (CHART / "values.schema.json").read_text() == chart.schema_json(), "run `make generate`"


def test_the_defaults_are_allowed_and_are_those_of_the_model() -> None:
    defaults = yaml.safe_load(chart.values_yaml())
    jsonschema.validate(defaults, SCHEMA)
    assert Values.model_validate(defaults) == Values()


def test_every_value_says_what_it_means() -> None:
    parts = [SCHEMA, *SCHEMA["$defs"].values()]
    silent = [
        name
        for part in parts
        for name, field in part.get("properties", {}).items()
        if "description" not in field and name != "enabled"
    ]
    assert silent == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"checker": {"replica": 2}},
        {"checker": {"replicas": 0}},
        {"image": {"digest": "latest"}},
        {"image": {"repository": ""}},
        {"scope": "Everything"},
        {"controler": {}},
    ],
    ids=str,
)
def test_what_means_nothing_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, SCHEMA)


def test_a_parent_chart_may_have_values_for_all() -> None:
    jsonschema.validate({"global": {"team": "ml"}}, SCHEMA)


def test_chart_image_and_wheel_have_one_version() -> None:
    described = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (described["version"], described["appVersion"]) == (version(), version())
