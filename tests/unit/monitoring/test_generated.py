"""The page of metrics, the dashboard and the alerts speak of metrics that there are."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from inferencehealth.monitoring import documentation
from inferencehealth.monitoring.dashboard import WIDTH, dashboard
from inferencehealth.monitoring.panels import ROWS, queries

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "metrics.md").read_text()
KNOWN = set(re.findall(r"^\| `(inferencehealth_\w+)` \|", PAGE, re.MULTILINE))
SUFFIXES = re.compile(r"_(bucket|count|sum)$")


def expressions() -> tuple[str, ...]:
    text = (ROOT / "manifests" / "monitoring" / "prometheusrule.yaml").read_text()
    groups = yaml.safe_load(text)["spec"]["groups"]
    alerts = tuple(rule["expr"] for group in groups for rule in group["rules"])
    return (*alerts, *queries())


def test_what_is_checked_in_is_what_the_code_makes() -> None:
    assert documentation.page() == PAGE
    checked_in = json.loads((ROOT / "manifests" / "monitoring" / "dashboard.json").read_text())
    assert checked_in == dashboard()


@pytest.mark.parametrize("expression", expressions())
def test_alerts_and_panels_ask_for_metrics_that_there_are(expression: str) -> None:
    asked = {
        name if name in KNOWN else SUFFIXES.sub("", name)
        for name in re.findall(r"inferencehealth_\w+", expression)
    }
    assert asked <= KNOWN


def test_every_metric_says_what_it_is_and_has_a_conventional_name() -> None:
    for line in PAGE.splitlines():
        if not line.startswith("| `"):
            continue
        name, kind, labels, what = (part.strip() for part in line.strip("|").split("|"))
        assert what.endswith("."), name
        assert (kind == "counter") == name.strip("`").endswith("_total"), name
        assert not set(labels.split(", ")) & {"pod", "uid", "reason", "message"}, name


def test_panels_lie_beside_each_other_and_never_overlap() -> None:
    seen: set[tuple[int, int]] = set()
    ids: set[int] = set()
    for panel in dashboard()["panels"]:
        ids.add(panel["id"])
        place: dict[str, Any] = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & seen, panel["title"]
        assert place["x"] + place["w"] <= WIDTH
        seen |= cells
    assert len(ids) == len(dashboard()["panels"])
    assert all(panel.what.endswith(".") for row in ROWS for panel in row.panels)
