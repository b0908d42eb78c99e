"""`ihp drill` with the ASR server behind a Service: no operator is needed for it."""

import json
import subprocess
import sys
from typing import Any

import pytest

from e2e.cluster.model import Cluster
from e2e.story import expect, seen, workloads
from e2e.story.stage import Stage
from e2e.story.workloads import Alter, Document

pytestmark = pytest.mark.node

APP = "api-server"
READY = {
    "readinessProbe": {
        "httpGet": {"path": "/health", "port": 7100},
        "periodSeconds": 2,
        "timeoutSeconds": 3,
    }
}
MOST = 240.0
"""Seconds in which `ihp drill` gives up in any case here."""


def replicas(count: int) -> Alter:
    def alter(document: Document) -> None:
        if document["kind"] == "Deployment" and document["metadata"]["name"] == APP:
            document["spec"]["replicas"] = count

    return alter


@pytest.fixture(scope="module")
def stage(node: Cluster) -> Stage:
    """Two ASR API servers in traffic."""
    made = workloads.fresh_namespace(node, "drill")
    workloads.deploy(made, "asr", replicas(2), workloads.probes_of_author(APP, READY))
    expect.all_rolled_out(made, APP)
    for pod in seen.pods(made, APP):
        expect.in_traffic(made, APP, pod)
    return made


def drill(stage: Stage, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "inferencehealth.cli", "drill", f"deployment/{APP}"]
    command += ["-n", stage.namespace, "--kubeconfig", str(stage.cluster.kubeconfig), *words]
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=MOST, check=False
    )


def test_nothing_is_deleted_where_nobody_can_be_asked(stage: Stage) -> None:
    before = seen.pods(stage, APP)
    done = drill(stage)
    assert done.returncode == 2
    assert "one of 2 pods of deployment/api-server" in " ".join(
        done.stderr.replace("│", "").split()
    )
    assert seen.pods(stage, APP) == before


def test_a_deleted_pod_leaves_traffic_and_another_one_serves(stage: Stage) -> None:
    before = {pod.name for pod in seen.pods(stage, APP)}
    done = drill(stage, "--yes", "--timeout", "2m", "-o", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["passed"]
    assert report["deleted"] in before
    assert report["replacement"] not in before
    assert {step["step"]: step["outcome"] for step in report["steps"]} == dict.fromkeys(
        ("CheckFails", "TrafficStops", "PodReady", "CheckSucceeds", "TrafficReturns"), "Done"
    )
    assert report["deleted"] not in seen.in_traffic(stage, APP)
    assert report["replacement"] in seen.in_traffic(stage, APP)
    expect.all_rolled_out(stage, APP)


def test_an_exercise_that_does_not_pass_says_which_step_did_not_follow(stage: Stage) -> None:
    # No new pod may be made from now on.
    stage.act("create", "quota", "full", "--hard=pods=0")
    done = drill(stage, "--yes", "--timeout", "20s", "-o", "json")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    outcomes = {step["step"]: step["outcome"] for step in report["steps"]}
    assert outcomes["PodReady"] == "NotInTime"
    assert outcomes["CheckSucceeds"] == "Skipped"
    assert not report["passed"]
