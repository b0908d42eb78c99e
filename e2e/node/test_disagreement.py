"""Kubelet and checks differ for good, each pod in its way, on a real kubelet; nothing is touched.

Three Tritons side by side, whose authors' probes ask too little, ask in the wrong place, and have
too little patience. All of them load before anything is judged, so their order does not matter.
"""

from typing import Any

import pytest

from e2e.story import expect, seen, workloads
from e2e.story.stage import Stage
from e2e.story.workloads import Alter, Document
from inferencehealth.api.report import Finding

pytestmark = pytest.mark.node

TIER = {"tier": "inference"}
LOAD_SECONDS = 45
LIVE = {"path": "/v2/health/live", "port": 8000}
ASKS_TOO_LITTLE: dict[str, Any] = {"readinessProbe": {"httpGet": LIVE, "periodSeconds": 2}}
ASKS_ELSEWHERE: dict[str, Any] = {
    "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8000}, "periodSeconds": 2}
}
HAS_NO_PATIENCE: dict[str, Any] = {
    "livenessProbe": {"httpGet": LIVE, "periodSeconds": 2, "failureThreshold": 3}
}


def not_loading(model: str) -> Alter:
    """A start does not load the model; nobody else does either."""

    def alter(document: Document) -> None:
        if document["kind"] == "Deployment":
            container = document["spec"]["template"]["spec"]["containers"][0]
            container["args"].remove(f"--load-model={model}")

    return alter


@pytest.fixture(scope="module", autouse=True)
def _deployed(stage: Stage) -> None:
    workloads.apply_policy(
        stage,
        workloads.POLICIES / "triton.yaml",
        workloads.spec_of_policy(("target", "selector", "matchLabels"), TIER),
        workloads.spec_of_policy(("checks", "interval"), "1s"),
    )
    _deploy(stage, "too-little", "1", ASKS_TOO_LITTLE, not_loading("slow"))
    _deploy(stage, "elsewhere", "5", ASKS_ELSEWHERE)
    _deploy(stage, "no-patience", str(LOAD_SECONDS), HAS_NO_PATIENCE)


def _deploy(stage: Stage, name: str, seconds: str, probes: dict[str, Any], *more: Alter) -> None:
    workloads.deploy(
        stage,
        "triton",
        workloads.environment("triton", {"SLOW_SECONDS": seconds}),
        workloads.probes_of_author("triton", probes),
        *more,
        workloads.renamed(name),
    )


def found(stage: Stage, name: str, within: float) -> Finding:
    """The one finding of the checks about that Deployment, once there is one."""

    def look() -> tuple[Finding, ...]:
        health = seen.report(stage, name).status.health
        return health.findings if health else ()

    (finding,) = stage.eventually(
        f"a finding about deployment/{name}",
        look,
        lambda findings: len(findings) == 1,
        within=within,
    )
    return finding


def test_a_pod_in_traffic_that_does_not_serve_is_found(stage: Stage) -> None:
    finding = found(stage, "too-little", expect.START)
    (pod,) = seen.pods(stage, "too-little")
    assert finding.id == "KubeletReadyButBroken"
    assert pod.name in finding.message
    assert pod.ready
    assert "the kubelet says ready" in seen.events(stage, pod, finding.id)[0]


def test_a_pod_that_serves_and_gets_no_traffic_is_found(stage: Stage) -> None:
    finding = found(stage, "elsewhere", expect.START)
    (pod,) = seen.pods(stage, "elsewhere")
    assert finding.id == "KubeletNotReadyButServing"
    assert not pod.ready
    assert seen.in_traffic(stage, "elsewhere") == frozenset()
    assert "the kubelet says not ready" in seen.events(stage, pod, finding.id)[0]


def test_a_watched_load_stands_in_the_report(stage: Stage) -> None:
    found(stage, "elsewhere", expect.START)
    health = seen.report(stage, "elsewhere").status.health
    assert health is not None
    (load,) = health.startups
    assert load.count == 1
    assert load.max >= 5


def test_a_server_that_is_killed_while_it_loads_is_found(stage: Stage) -> None:
    finding = found(stage, "no-patience", expect.START)
    assert finding.id == "KubeletRestartsWhileLoading"
    (pod,) = seen.pods(stage, "no-patience")
    assert pod.restarts >= 2
    assert any("liveness" in message for message in seen.events(stage, pod, "Killing"))
