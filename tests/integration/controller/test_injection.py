"""Probes into workloads: what is written, by whom, and what is left alone."""

import json
from typing import Any

import pytest

from inferencehealth.api.names import FIELD_MANAGER
from inferencehealth.kube.client import Client
from inferencehealth.kube.requests import DEPLOYMENTS, POLICIES, REPORTS
from tests.integration.awaiting import condition, message, until
from tests.integration.objects import container, deployment, policy

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("controller")]

PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
OWN_LIVENESS = {"exec": {"command": ["/bin/alive"]}, "initialDelaySeconds": 7}


def probes_state(report: dict[str, Any]) -> str:
    found: str = report.get("status", {}).get("probes", {}).get("state", "")
    return found


async def apply_policy(client: Client, namespace: str, **probes: Any) -> None:
    body = policy(probes={"mode": "Apply", **probes})
    await client.create(POLICIES, body, namespace=namespace, manager="author")


async def test_recommend_touches_nothing_and_shows_the_patch(
    client: Client, namespace: str
) -> None:
    before = await client.create(DEPLOYMENTS, deployment(), namespace=namespace, manager="author")
    await client.create(POLICIES, policy(), namespace=namespace, manager="author")
    report = await until(
        client, REPORTS, namespace, "deployment-triton", lambda r: probes_state(r) == "Recommended"
    )
    after = await client.get(DEPLOYMENTS, "triton", namespace=namespace)
    assert after["metadata"]["generation"] == before["metadata"]["generation"]
    assert after["spec"] == before["spec"]
    patch = json.loads(report["status"]["probes"]["patch"])
    (patched,) = patch["spec"]["template"]["spec"]["containers"]
    assert patched["livenessProbe"]["httpGet"] == {"path": "/v2/health/live", "port": 8000}


async def test_apply_writes_probes_and_nothing_else(client: Client, namespace: str) -> None:
    before = await client.create(DEPLOYMENTS, deployment(), namespace=namespace, manager="author")
    await apply_policy(client, namespace)
    await until(
        client, REPORTS, namespace, "deployment-triton", lambda r: probes_state(r) == "Injected"
    )
    after = await client.get(DEPLOYMENTS, "triton", namespace=namespace)
    injected = container(after)
    for probe in PROBES:
        assert "httpGet" in injected.pop(probe)
    assert after["spec"] == before["spec"]
    # The Deployment controller counts revisions in an annotation of its own.
    assert after["metadata"].get("annotations", {}).keys() <= {"deployment.kubernetes.io/revision"}
    assert "finalizers" not in after["metadata"]
    assert after["metadata"]["labels"] == before["metadata"]["labels"]
    (ours,) = [m for m in after["metadata"]["managedFields"] if m["manager"] == FIELD_MANAGER]
    owned = json.dumps(ours["fieldsV1"])
    assert "f:livenessProbe" in owned
    assert "f:image" not in owned
    found = await until(
        client, POLICIES, namespace, "p", lambda p: condition(p, "ProbesInjected")[0] == "True"
    )
    assert condition(found, "ProbesConflicted")[0] == "False"


async def test_an_authors_probe_is_kept_and_the_missing_ones_are_added(
    client: Client, namespace: str
) -> None:
    body = deployment(livenessProbe=OWN_LIVENESS)
    created = await client.create(DEPLOYMENTS, body, namespace=namespace, manager="author")
    await apply_policy(client, namespace)
    after = await until(
        client, DEPLOYMENTS, namespace, "triton", lambda d: "readinessProbe" in container(d)
    )
    assert container(after)["livenessProbe"] == container(created)["livenessProbe"]
    report = await until(
        client,
        REPORTS,
        namespace,
        "deployment-triton",
        lambda r: r["status"]["probes"]["readiness"]["state"] == "Injected",
    )
    assert report["status"]["probes"]["liveness"]["state"] == "Kept"


async def test_replace_takes_the_whole_probe_and_keeps_the_original_in_the_report(
    client: Client, namespace: str
) -> None:
    body = deployment(livenessProbe=OWN_LIVENESS)
    created = await client.create(DEPLOYMENTS, body, namespace=namespace, manager="author")
    await apply_policy(client, namespace, existing="Replace")
    after = await until(
        client, DEPLOYMENTS, namespace, "triton", lambda d: "readinessProbe" in container(d)
    )
    liveness = container(after)["livenessProbe"]
    assert "exec" not in liveness
    assert liveness["httpGet"]["path"] == "/v2/health/live"
    assert "initialDelaySeconds" not in liveness
    report = await until(
        client, REPORTS, namespace, "deployment-triton", lambda r: probes_state(r) == "Injected"
    )
    original = report["status"]["probes"]["liveness"]["original"]
    assert original == container(created)["livenessProbe"]
    assert after["metadata"]["generation"] == 2


async def test_a_changed_policy_changes_our_probes(client: Client, namespace: str) -> None:
    await client.create(DEPLOYMENTS, deployment(), namespace=namespace, manager="author")
    await apply_policy(client, namespace)
    await until(client, DEPLOYMENTS, namespace, "triton", lambda d: "livenessProbe" in container(d))
    change = {"spec": {"probes": {"liveness": {"periodSeconds": 17}}}}
    await client.merge_patch(POLICIES, "p", change, namespace=namespace, manager="test")
    await until(
        client,
        DEPLOYMENTS,
        namespace,
        "triton",
        lambda d: container(d)["livenessProbe"]["periodSeconds"] == 17,
    )


async def test_a_field_that_somebody_else_holds_is_reported_and_not_fought_over(
    client: Client, namespace: str
) -> None:
    await client.create(DEPLOYMENTS, deployment(), namespace=namespace, manager="author")
    await apply_policy(client, namespace)
    await until(client, DEPLOYMENTS, namespace, "triton", lambda d: "livenessProbe" in container(d))
    theirs = {
        "spec": {
            "template": {
                "spec": {"containers": [{"name": "server", "livenessProbe": {"periodSeconds": 99}}]}
            }
        }
    }
    await client.apply(
        DEPLOYMENTS, "triton", theirs, namespace=namespace, manager="git-robot", force=True
    )
    found = await until(
        client, POLICIES, namespace, "p", lambda p: condition(p, "ProbesConflicted")[0] == "True"
    )
    assert "git-robot" in message(found, "ProbesConflicted")
    assert "livenessProbe.periodSeconds" in message(found, "ProbesConflicted")
    workload = await client.get(DEPLOYMENTS, "triton", namespace=namespace)
    assert container(workload)["livenessProbe"]["periodSeconds"] == 99


async def test_nothing_is_written_while_nothing_changes(client: Client, namespace: str) -> None:
    await client.create(DEPLOYMENTS, deployment("first"), namespace=namespace, manager="author")
    await client.create(POLICIES, policy(), namespace=namespace, manager="author")
    before = await until(
        client, REPORTS, namespace, "deployment-first", lambda r: probes_state(r) == "Recommended"
    )
    workload = await client.get(DEPLOYMENTS, "first", namespace=namespace)
    # Whatever happens to the second workload is another run over the first.
    await client.create(DEPLOYMENTS, deployment("second"), namespace=namespace, manager="author")
    await until(
        client, REPORTS, namespace, "deployment-second", lambda r: probes_state(r) == "Recommended"
    )
    after = await client.get(REPORTS, "deployment-first", namespace=namespace)
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
    again = await client.get(DEPLOYMENTS, "first", namespace=namespace)
    assert again["metadata"]["resourceVersion"] == workload["metadata"]["resourceVersion"]


async def test_a_report_that_somebody_deletes_comes_back(client: Client, namespace: str) -> None:
    await client.create(DEPLOYMENTS, deployment(), namespace=namespace, manager="author")
    await client.create(POLICIES, policy(), namespace=namespace, manager="author")
    report = await until(
        client, REPORTS, namespace, "deployment-triton", lambda r: probes_state(r) == "Recommended"
    )
    await client.delete(REPORTS, "deployment-triton", namespace=namespace)
    uid = report["metadata"]["uid"]
    await until(
        client,
        REPORTS,
        namespace,
        "deployment-triton",
        lambda r: r["metadata"]["uid"] != uid and probes_state(r) == "Recommended",
    )
