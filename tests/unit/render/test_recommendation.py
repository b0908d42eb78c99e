"""Advice tells the reason for its numbers, the observed loads among them."""

import json
from typing import Any

import yaml

from inferencehealth.api.report import Startup
from inferencehealth.plan.default import default_policy
from inferencehealth.render.changes import Change, changes_of, with_replace
from inferencehealth.render.recommendation import as_diff, as_patch, as_snippet

SLOW = Startup(image="nvcr.io/nvidia/tritonserver:24.09-py3", count=6, p50=500, p90=560, max=570)


def deployment(**container: Any) -> dict[str, Any]:
    server = {"name": "server", "image": "nvcr.io/nvidia/tritonserver:24.10-py3", **container}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "triton", "namespace": "ml"},
        "spec": {"selector": {}, "template": {"spec": {"containers": [server]}}},
    }


def recommended(*observed: Startup, **container: Any) -> Change:
    policy = with_replace(default_policy("ml"))
    (change,) = changes_of(deployment(**container), [policy], observed=observed)
    return change


def test_observed_loads_raise_the_startup_budget_and_are_the_reason() -> None:
    told = as_snippet(recommended(SLOW))
    assert "p90 of 6 observed loads is 9m20s × 1.5" in told.replace("\n# ", " ")
    probe = yaml.safe_load(told)["startupProbe"]
    assert probe["periodSeconds"] * (probe["failureThreshold"] - 1) >= 560 * 1.5


def test_without_observation_the_profile_decides() -> None:
    told = as_snippet(recommended())
    assert "observed" not in told
    assert yaml.safe_load(told)["startupProbe"]["failureThreshold"] == 61


def test_every_probe_stands_below_its_reason() -> None:
    lines = as_snippet(recommended()).splitlines()
    for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
        at = lines.index(f"{kind}:")
        assert lines[at - 1].startswith("# ")


def test_the_patch_takes_away_a_handler_of_another_kind() -> None:
    change = recommended(livenessProbe={"exec": {"command": ["true"]}})
    (container,) = json.loads(as_patch(change))["spec"]["template"]["spec"]["containers"]
    assert container["livenessProbe"]["exec"] is None


def test_the_diff_has_what_goes_and_what_comes() -> None:
    told = as_diff(recommended(livenessProbe={"exec": {"command": ["true"]}})).splitlines()
    assert told[0] == "--- deployment/triton server (now)"
    assert "-  exec:" in told
    assert "+startupProbe:" in told
