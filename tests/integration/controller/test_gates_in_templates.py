"""The readiness gate in pod templates: in and out beside other people's, and gone with the policy.

And what becomes of the pods when the checker is killed: the controller alone is enough.
"""

from pathlib import Path
from typing import Any

import pytest

from e2e.cluster.model import Cluster
from inferencehealth.kube.client import Client, whole
from inferencehealth.kube.requests import DEPLOYMENTS, PODS, POLICIES, REPORTS
from tests.integration.awaiting import until, until_gone
from tests.integration.controller.kubelet import kubelet
from tests.integration.controller.test_rollouts import OWN, QUICK, complete, has_ours, state
from tests.integration.objects import deployment, policy
from tests.integration.pods import run_pod
from tests.integration.programs import program

pytestmark = pytest.mark.integration

IN_PLACE = ("Injected", "Done")
THEIRS = {"conditionType": "example.com/drained"}
OURS = {"conditionType": "inferencehealth.dev/models-ready"}
GATED = {"readinessGate": True, "readinessGateLimits": {"failOpenAfter": "15s", "floor": 0}}


def with_gates(*gates: dict[str, str], **container: Any) -> dict[str, Any]:
    body = deployment(**container)
    body["spec"]["template"]["spec"]["readinessGates"] = list(gates)
    return body


def gates_of(raw: dict[str, Any]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = raw["spec"]["template"]["spec"].get("readinessGates", [])
    return found


async def gated(client: Client, namespace: str, **probes: Any) -> dict[str, Any]:
    """A Deployment with a gate of somebody else's, to which our policy has added its own."""
    body = with_gates(THEIRS)
    await client.create(DEPLOYMENTS, body, namespace=namespace, manager="author")
    await until(client, DEPLOYMENTS, namespace, "triton", complete)
    asking = policy(probes={"mode": "Apply", **probes}, checks=QUICK | GATED)
    await client.create(POLICIES, asking, namespace=namespace, manager="author")
    await until(client, REPORTS, namespace, "deployment-triton", lambda r: state(r) == IN_PLACE)
    return await client.get(DEPLOYMENTS, "triton", namespace=namespace)


@pytest.mark.usefixtures("controller")
async def test_the_gate_comes_with_the_probes_and_goes_alone_and_others_gates_stay(
    client: Client, namespace: str
) -> None:
    async with kubelet(client, namespace):
        made = await gated(client, namespace)
        assert gates_of(made) == [THEIRS, OURS]
        assert has_ours(made)
        assert made["metadata"]["generation"] == 2
        report = await client.get(REPORTS, "deployment-triton", namespace=namespace)
        assert report["status"]["probes"]["gate"] == "Injected"
        assert report["spec"]["check"]["gate"] == {"failOpenAfter": "15s", "floor": 0}

        off = {"spec": {"checks": {"readinessGate": False}}}
        await client.merge_patch(POLICIES, "p", off, namespace=namespace, manager="author")
        after = await until(
            client, DEPLOYMENTS, namespace, "triton", lambda d: gates_of(d) == [THEIRS]
        )
        assert has_ours(after)
        await until(
            client,
            REPORTS,
            namespace,
            "deployment-triton",
            lambda r: "gate" not in r["spec"]["check"] and "gate" not in r["status"]["probes"],
        )


@pytest.mark.usefixtures("controller")
async def test_probes_that_are_retained_leave_no_gate_behind_that_nobody_would_open(
    client: Client, namespace: str
) -> None:
    async with kubelet(client, namespace):
        made = await gated(client, namespace, onDelete="Retain")
        await client.delete(POLICIES, "p", namespace=namespace)
        await until_gone(client, REPORTS, namespace, "deployment-triton")
        after = await client.get(DEPLOYMENTS, "triton", namespace=namespace)
    assert gates_of(after) == [THEIRS]
    kept, before = (raw["spec"]["template"]["spec"]["containers"] for raw in (after, made))
    assert kept == before


async def test_when_the_checker_is_killed_a_pod_gets_traffic_after_the_stated_time(
    client: Client, cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    own = dict.fromkeys(("startupProbe", "livenessProbe", "readinessProbe"), OWN)
    body = with_gates(OURS, **own)
    await client.create(DEPLOYMENTS, body, namespace=namespace, manager="author")
    await run_pod(client, namespace, "127.0.0.9")  # nobody listens there, since long ago
    asking = policy(probes={"mode": "Apply"}, checks=QUICK | GATED)
    await client.create(POLICIES, asking, namespace=namespace, manager="author")
    (pod,) = (await client.list(PODS, project=whole, namespace=namespace)).items
    scope = ("--namespace", namespace, "--system-namespace", namespace)

    async def gate_is(status: str, *reasons: str) -> None:
        def is_so(raw: dict[str, Any]) -> bool:
            conditions = {c["type"]: c for c in raw["status"]["conditions"]}
            ours = conditions.get(OURS["conditionType"], {})
            return ours.get("status") == status and ours.get("reason") in reasons

        await until(client, PODS, namespace, pod["metadata"]["name"], is_so, deadline=60)

    options = {"kubeconfig": cluster.kubeconfig, "log": tmp_path / "log"}
    async with program("controller", *scope, **options):
        async with program("checker", *scope, **options) as checker:
            await gate_is("False", "StartupBudgetExceeded")
            checker.kill()
            await checker.wait()
        await gate_is("True", "CheckerGone")
