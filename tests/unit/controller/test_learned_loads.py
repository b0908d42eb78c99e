"""Which news in a report may change a plan."""

from typing import Any

import pytest

from inferencehealth.controller.news import observed_loads

LOAD: dict[str, Any] = {"image": "i:1", "nodeType": "g5", "p90": "9m20s", "count": 6, "p50": "5m"}


@pytest.mark.parametrize(
    ("why", "changes", "matters"),
    [
        ("another load of the same kind", {"count": 7}, False),
        ("another median", {"p50": "6m"}, False),
        ("a slower load", {"p90": "10m"}, True),
        ("another image", {"image": "i:2"}, True),
    ],
)
def test_only_what_a_plan_follows_from_counts(
    why: str, changes: dict[str, Any], matters: bool
) -> None:
    before = observed_loads({"health": {"startups": [LOAD]}})
    after = observed_loads({"health": {"startups": [LOAD | changes]}})
    assert (before != after) is matters, why


@pytest.mark.parametrize("status", [{}, {"health": None}, {"health": {"startups": []}}])
def test_a_report_without_loads_says_nothing(status: dict[str, Any]) -> None:
    assert observed_loads(status) == ()
