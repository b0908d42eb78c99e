"""Writes the Grafana dashboard to a file: panels in rows, with the queries that fill them."""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from inferencehealth.checks.verdicts import Verdict
from inferencehealth.monitoring.panels import ROWS, Panel, Row

SCHEMA_VERSION: Final = 39
"""Grafana 11's version of the model; older ones take what they know of it."""
WIDTH: Final = 24
"""Columns of Grafana's grid."""
HEIGHT: Final = 8

COLOURS: Final = {
    Verdict.READY: "green",
    Verdict.DEGRADED: "yellow",
    Verdict.BUSY: "blue",
    Verdict.LOADING: "light-blue",
    Verdict.ASLEEP: "purple",
    Verdict.BROKEN: "red",
    Verdict.UNKNOWN: "text",
}
"""The words stand beside them, so nobody has to tell colours apart."""


def dashboard(rows: Sequence[Row] = ROWS) -> dict[str, Any]:
    """The dashboard as Grafana imports it."""
    return {
        "uid": "inferencehealth",
        "title": "Inference health",
        "tags": ["inferencehealth"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [_datasource(), _namespaces()]},
        "panels": list(_panels(rows)),
    }


def _panels(rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    number, y = 1, 0
    for row in rows:
        place = {"h": 1, "w": WIDTH, "x": 0, "y": y}
        yield {"id": number, "type": "row", "title": row.title, "gridPos": place, "panels": []}
        number, x, y = number + 1, 0, y + 1
        for panel in row.panels:
            if x + panel.width > WIDTH:
                x, y = 0, y + HEIGHT
            place = {"h": HEIGHT, "w": panel.width, "x": x, "y": y}
            yield {**_panel(panel), "id": number, "gridPos": place}
            number, x = number + 1, x + panel.width
        y += HEIGHT


def _panel(panel: Panel) -> dict[str, Any]:
    instant = panel.kind != "timeseries"
    targets = [
        {
            "refId": chr(ord("A") + index),
            "datasource": _source(),
            "expr": query.expression,
            "legendFormat": query.legend or "__auto",
            "instant": instant,
            "range": not instant,
            "format": "table" if panel.kind == "table" else "time_series",
        }
        for index, query in enumerate(panel.queries)
    ]
    custom = {"stacking": {"mode": "normal"}, "fillOpacity": 30} if panel.stacked else {}
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.what,
        "datasource": _source(),
        "targets": targets,
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "min": 0, "custom": custom},
            "overrides": _colours(panel),
        },
        "options": {},
    }


def _colours(panel: Panel) -> list[dict[str, Any]]:
    if all(query.legend != "{{verdict}}" for query in panel.queries):
        return []
    return [_coloured(verdict, colour) for verdict, colour in COLOURS.items()]


def _coloured(verdict: Verdict, colour: str) -> dict[str, Any]:
    return {
        "matcher": {"id": "byName", "options": verdict.value},
        "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}],
    }


def _source() -> dict[str, str]:
    return {"type": "prometheus", "uid": "${datasource}"}


def _datasource() -> dict[str, Any]:
    return {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
    }


def _namespaces() -> dict[str, Any]:
    asked = "label_values(inferencehealth_policy_condition, namespace)"
    return {
        "name": "namespace",
        "label": "Namespace",
        "type": "query",
        "datasource": _source(),
        "query": {"query": asked, "refId": "namespaces"},
        "definition": asked,
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def main(file: Path) -> None:
    """Write the dashboard."""
    file.write_text(json.dumps(dashboard(), indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
