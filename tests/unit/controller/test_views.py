"""A verdict has an age: nobody stands behind it any more when its checker has been silent."""

import pytest

from inferencehealth.api.report import Health, Report
from inferencehealth.controller.views import Silence, view


def report(interval: str) -> Report:
    check = {
        "profile": "triton",
        "container": "triton",
        "port": 8000,
        "podSelector": {"matchLabels": {"app": "triton"}},
        "interval": interval,
        "timeout": "500ms",
        "failureThreshold": 3,
        "successThreshold": 1,
        "startupBudget": "10m",
    }
    workload = {"kind": "Deployment", "name": "triton", "uid": "u"}
    health = Health(observed_generation=1, checked_by="checker-a", verdict="Ready")
    return Report.model_validate(
        {
            "metadata": {"name": "deployment-triton", "namespace": "ml", "generation": 1},
            "spec": {"policy": "p", "workload": workload, "check": check},
            "status": {"health": health.manifest()},
        }
    )


@pytest.mark.parametrize(
    ("interval", "silence", "expected"),
    [
        ("10s", 30.0, "Ready"),
        ("10s", 30.1, "Unknown"),
        ("1m", 180.0, "Ready"),
        ("1m", 180.1, "Unknown"),
        ("2s", 6.0, "Ready"),
        ("2s", 6.1, "Unknown"),
        ("1s", 6.0, "Ready"),
        ("1s", 6.1, "Unknown"),
    ],
)
def test_a_verdict_counts_for_three_intervals(interval: str, silence: float, expected: str) -> None:
    found = view(report(interval), lambda _lease: Silence(silence, "12:00:00 UTC"))
    assert found.health.verdict == expected
