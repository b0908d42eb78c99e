"""A load that takes longer than the probes people copy: killed without us, not killed with us."""

from collections.abc import Mapping
from typing import Any

import pytest

from e2e.story import expect, seen, workloads
from e2e.story.stage import Stage

pytestmark = pytest.mark.node

LOAD_SECONDS = 40
# Three failures ten seconds apart: Kubernetes' own defaults, in most manifests and charts.
COPIED: Mapping[str, Any] = {
    "livenessProbe": {
        "httpGet": {"path": "/v2/health/live", "port": 8000},
        "periodSeconds": 10,
        "failureThreshold": 3,
    }
}


def test_a_slow_load_is_killed_by_copied_probes_and_survives_with_ours(stage: Stage) -> None:
    slow = workloads.environment("triton", {"SLOW_SECONDS": str(LOAD_SECONDS)})
    copied = workloads.probes_of_author("triton", COPIED)
    workloads.apply_policy(
        stage,
        workloads.POLICIES / "triton.yaml",
        workloads.spec_of_policy(("target", "selector", "matchLabels"), {"app": "with-us"}),
        workloads.spec_of_policy(("probes", "mode"), "Apply"),
    )
    for name in ("without-us", "with-us"):
        workloads.deploy(stage, "triton", slow, copied, workloads.renamed(name))
    before = expect.running(stage, "without-us")[0]
    expect.injected(stage, "with-us")
    # One after the other costs nothing: both load at the same time.
    expect.restarted(stage, before)
    survivor = expect.rolled_out(stage, "with-us")
    assert survivor.restarts == 0
    assert seen.events(stage, survivor, "Killing") == ()
    expect.ready(stage, "triton")
    kept = seen.probes(stage, "with-us")["livenessProbe"]
    assert (kept["periodSeconds"], kept["failureThreshold"]) == (10, 3)
