"""What people type: get, get -w, describe, explain and wait, against the whole operator."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from e2e.cluster.kubectl import command
from e2e.cluster.kubectl import kubectl as run_kubectl
from e2e.cluster.model import Cluster, ClusterError
from inferencehealth.api import crds
from inferencehealth.kube.client import Client
from inferencehealth.kube.requests import DEPLOYMENTS, POLICIES
from tests.integration.awaiting import condition, until
from tests.integration.kubectl.conftest import Server

pytestmark = pytest.mark.integration

Kubectl = Callable[..., Awaitable[str]]
PATIENCE = "--timeout=60s"


@pytest.fixture
def kubectl(cluster: Cluster, namespace: str) -> Kubectl:
    """kubectl in the test's namespace, beside the event loop: the servers answer meanwhile."""

    async def say(*words: str) -> str:
        return await asyncio.to_thread(run_kubectl, cluster, "-n", namespace, *words)

    return say


@pytest.fixture
async def rows(
    cluster: Cluster, client: Client, namespace: str, watched: Server, tmp_path: Path
) -> AsyncIterator[Callable[[], list[list[str]]]]:
    """What `kubectl get ihp -w` has printed so far, without headings and ages."""
    printed = tmp_path / "rows"
    watch = command(cluster, "-n", namespace, "get", "ihp", "-w", "--no-headers")
    with printed.open("w") as sink:
        running = await asyncio.create_subprocess_exec(*watch, stdout=sink)
    while not printed.read_text():
        await client.get(POLICIES, "p", namespace=namespace)
    yield lambda: words(printed.read_text())
    running.terminate()
    await running.wait()


async def becomes(client: Client, namespace: str, ready: str) -> dict[str, Any]:
    return await until(
        client, POLICIES, namespace, "p", lambda p: condition(p, "Ready")[0] == ready
    )


@pytest.mark.usefixtures("watched")
async def test_one_line_tells_the_story_and_another_each_workload(kubectl: Kubectl) -> None:
    assert words(await kubectl("get", "ihp")) == [
        ["NAME", "PROFILE", "WORKLOADS", "PODS", "MODELS", "MODE", "VERDICT", "READY", "REASON"],
        ["p", "custom", "1", "1/1", "2/2", "Recommend", "Ready", "True", "Serving"],
    ]
    wide = await kubectl("get", "ihp", "-o", "wide")
    assert "all that is required is served, by 1 pod" in wide
    assert words(await kubectl("get", "ihr")) == [
        ["NAME", "PROFILE", "PODS", "MODELS", "VERDICT", "REASON", "PROBES"],
        ["deployment-model", "custom", "1/1", "2/2", "Ready", "Serving", "Recommended"],
    ]
    both = await kubectl("get", "inference", "-o", "name")
    assert both.split() == [
        "inferencehealthpolicy.inferencehealth.dev/p",
        "inferencehealthreport.inferencehealth.dev/deployment-model",
    ]


async def test_watching_shows_a_row_for_each_change_and_none_for_nothing(
    client: Client,
    namespace: str,
    watched: Server,
    rows: Callable[[], list[list[str]]],
    kubectl: Kubectl,
) -> None:
    """And describe says what is wrong, and what repeats is one Event that counts."""
    for _ in range(2):
        watched.broken = {"whisper"}
        await becomes(client, namespace, "False")
        watched.broken = set()
        await becomes(client, namespace, "True")
    label = {"metadata": {"labels": {"team": "a"}}}  # looked at, and nothing to say
    await client.merge_patch(DEPLOYMENTS, "model", label, namespace=namespace, manager="author")
    watched.broken = {"e5-large"}
    await becomes(client, namespace, "False")
    told = await kubectl("describe", "ihp", "p")
    assert "deployment/model serves on 0 of 1 pod" in told
    assert 'model "e5-large": GET /models/e5-large answers 503, expected 200' in told
    *_, events = told.partition("Events:")
    assert "Warning" in events
    assert "Normal" in events
    assert "all that is required is served" in events
    assert "Remedy:" in await kubectl("describe", "ihr", "deployment-model")
    serves = ["1/1", "2/2", "Recommend", "Ready", "True", "Serving"]
    broken = ["0/1", "1/2", "Recommend", "Broken", "False", "ModelNotReady"]
    events = json.loads(await kubectl("get", "events.v1.events.k8s.io", "-o", "json"))["items"]
    # On a busy machine the kubelet's contradiction is found meanwhile: told below the columns.
    found = [event for event in events if event["reason"] == "KubeletReadyButBroken"]
    seen = [row[3:] for row in rows()]
    told_once = [row for row, _ in groupby(seen)]
    assert told_once == [serves, broken, serves, broken, serves, broken]
    assert len(seen) - len(told_once) <= len(found)
    of_whisper = [
        event
        for event in events
        if event["regarding"]["kind"] == "Pod" and "/models/whisper answers 503" in event["note"]
    ]
    assert [event["series"]["count"] for event in of_whisper] == [2]


def words(table: str) -> list[list[str]]:
    """The cells of what kubectl printed, without the last column, which is the age."""
    return [line.split()[:-1] for line in table.splitlines()]


async def test_wait_holds_a_pipeline_until_it_serves_and_tells_when_it_does_not(
    client: Client, namespace: str, watched: Server, kubectl: Kubectl
) -> None:
    ready = ("wait", "--for=condition=Ready", "ihp/p")
    assert "condition met" in await kubectl(*ready, PATIENCE)
    watched.broken = {"whisper"}
    assert "condition met" in await kubectl(
        "wait", "--for=condition=Ready=False", "ihp/p", PATIENCE
    )
    with pytest.raises(ClusterError, match="timed out waiting for the condition on"):
        await kubectl(*ready, "--timeout=2s")
    waiting = asyncio.create_task(kubectl(*ready, PATIENCE))
    watched.broken = set()
    assert "condition met" in await waiting
    broken = ("wait", "--for=jsonpath={.status.health.verdict}=Ready", "ihr/deployment-model")
    assert "condition met" in await kubectl(*broken, PATIENCE)


async def test_wait_never_takes_an_old_answer_for_a_new_question(
    client: Client, namespace: str, kubectl: Kubectl
) -> None:
    """Nobody runs here: the status answers generation 1, the spec is at 2."""
    spec = {"target": {"selector": {"matchLabels": {"a": "b"}}}}
    await client.create(POLICIES, {"metadata": {"name": "p"}, "spec": spec}, namespace=namespace)
    ready = {"type": "Ready", "status": "True", "reason": "Serving", "message": ""}
    ready |= {"observedGeneration": 1, "lastTransitionTime": "2026-01-01T00:00:00Z"}
    status = {"status": {"observedGeneration": 1, "conditions": [ready]}}
    how = {"namespace": namespace, "manager": "c", "subresource": "status"}
    await client.apply(POLICIES, "p", status, **how)
    wait = ("wait", "--for=condition=Ready", "ihp/p")
    assert "condition met" in await kubectl(*wait, PATIENCE)
    await client.merge_patch(
        POLICIES, "p", {"spec": {"checks": {"interval": "20s"}}}, namespace=namespace, manager="a"
    )
    with pytest.raises(ClusterError, match="timed out"):
        await kubectl(*wait, "--timeout=2s")


@pytest.mark.parametrize(
    "crd", [crds.policy_crd(), crds.report_crd()], ids=lambda c: c["spec"]["names"]["kind"]
)
async def test_explain_says_something_about_every_field(
    crd: dict[str, Any], kubectl: Kubectl
) -> None:
    names = crd["spec"]["names"]
    told = await kubectl("explain", names["plural"], "--recursive")
    fields = set(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"])
    assert fields <= set(told.split())
    one = await kubectl("explain", f"{names['shortNames'][0]}.spec")
    assert "<no description>" not in one
    whole = json.loads(
        await kubectl("get", "--raw", "/openapi/v3/apis/inferencehealth.dev/v1alpha1")
    )
    schema = whole["components"]["schemas"][f"dev.inferencehealth.v1alpha1.{names['kind']}"]
    assert not list(_silent(schema))


def _silent(schema: dict[str, Any], path: str = "") -> list[str]:
    """Fields below without a description, but for what Kubernetes itself describes by reference."""
    found: list[str] = []
    for name, child in schema.get("properties", {}).items():
        here = f"{path}.{name}"
        found += [] if child.get("description") or "allOf" in child else [here]
        found += _silent(child, here) + _silent(child.get("items", {}), f"{here}[]")
    return found
