"""Planned writes on a real API server: it keeps what was meant, and the next plan is content."""

import json
import subprocess
from typing import Any

import pytest

from e2e.cluster.model import Cluster
from inferencehealth.api.names import FIELD_MANAGER
from inferencehealth.api.policy import Policy
from inferencehealth.kube.client import Client
from inferencehealth.kube.errors import ApiError, Conflict, NotFound
from inferencehealth.kube.requests import DEPLOYMENTS
from inferencehealth.plan import JsonPatch, Plan, SsaApply, apply_operations, plan
from inferencehealth.workloads import Workload, workload
from tests.integration.objects import container, deployment, policy

pytestmark = pytest.mark.integration

ASR = "quay.io/smallestinc/self-hosted-api-server:1.0.0"
THEIRS = {"exec": {"command": ["/bin/alive"]}, "initialDelaySeconds": 300}
IDENTITY = {"apiVersion": "apps/v1", "kind": "Deployment"}


def a_policy(**probes: Any) -> Policy:
    body = policy(probes={"mode": "Apply", **probes})
    identity = {
        "apiVersion": "inferencehealth.dev/v1alpha1",
        "kind": "InferenceHealthPolicy",
    }
    return Policy.model_validate(identity | body)


async def created(client: Client, namespace: str, image: str = "", **own: Any) -> Workload:
    body = deployment(image=image, **own) if image else deployment(**own)
    raw = await client.create(DEPLOYMENTS, body, namespace=namespace, manager="author")
    return workload(raw | IDENTITY)


async def written(client: Client, asked: Policy, target: Workload) -> tuple[Workload, type]:
    """The workload after the plan's write, and the kind of write."""
    write = apply_operations(plan(asked, target), target)
    where = {"namespace": target.namespace, "manager": FIELD_MANAGER}
    assert write is not None
    if isinstance(write, SsaApply):
        raw = await client.apply(DEPLOYMENTS, target.name, write.body, **where)  # type: ignore[arg-type]
    else:
        raw = await client.json_patch(DEPLOYMENTS, target.name, write.operations, **where)
    return workload(raw | IDENTITY), type(write)


def content(planned: Plan) -> bool:
    """Whether nothing is left to do and every wanted probe is in place or the author's."""
    return planned.patch is None and all(
        probe.action in {"InPlace", "Keep"} for probe in planned.probes
    )


async def test_what_was_applied_is_in_place_after_the_servers_defaults(
    client: Client, namespace: str
) -> None:
    target = await created(client, namespace)
    after, kind = await written(client, a_policy(), target)
    assert kind is SsaApply
    again = plan(a_policy(), after)
    assert content(again)
    assert all(probe.ours for probe in again.probes)


async def test_a_probe_of_ours_changes_its_handler_and_goes_by_apply(
    client: Client, namespace: str
) -> None:
    by_process = a_policy(liveness={"strategy": "Process"})
    target = await created(client, namespace, image=ASR)
    documented, _ = await written(client, a_policy(), target)
    process, kind = await written(client, by_process, documented)
    assert kind is SsaApply
    assert "httpGet" not in container(dict(process.raw))["livenessProbe"]
    assert content(plan(by_process, process))
    back, kind = await written(client, a_policy(), process)
    assert kind is SsaApply
    assert "startupProbe" not in container(dict(back.raw))
    assert content(plan(a_policy(), back))


async def test_a_replaced_probe_is_changed_again_without_a_conflict_with_ourselves(
    client: Client, namespace: str
) -> None:
    replace = a_policy(existing="Replace")
    slower = a_policy(existing="Replace", budgets={"restartAfter": "5m"})
    target = await created(client, namespace, livenessProbe=THEIRS)
    replaced, kind = await written(client, replace, target)
    assert kind is JsonPatch
    assert content(plan(replace, replaced))
    changed, _ = await written(client, slower, replaced)
    assert content(plan(slower, changed))


async def test_a_kept_probe_and_ours_live_side_by_side_until_ours_replaces_it(
    client: Client, namespace: str
) -> None:
    target = await created(client, namespace, livenessProbe=THEIRS)
    beside, kind = await written(client, a_policy(), target)
    assert kind is SsaApply
    assert container(dict(beside.raw))["livenessProbe"]["exec"] == THEIRS["exec"]
    replace = a_policy(existing="Replace", budgets={"stopTrafficAfter": "20s"})
    replaced, kind = await written(client, replace, beside)
    assert kind is JsonPatch
    assert content(plan(replace, replaced))


async def test_a_patch_planned_on_an_older_spec_is_refused(client: Client, namespace: str) -> None:
    replace = a_policy(existing="Replace")
    target = await created(client, namespace, livenessProbe=THEIRS)
    change = {"spec": {"minReadySeconds": 1}}
    await client.merge_patch(
        DEPLOYMENTS, target.name, change, namespace=namespace, manager="author"
    )
    with pytest.raises(ApiError) as refused:
        await written(client, replace, target)
    assert refused.value.status == 422


async def test_a_change_outside_the_spec_is_no_reason_to_refuse_a_patch(
    client: Client, namespace: str
) -> None:
    replace = a_policy(existing="Replace")
    target = await created(client, namespace, livenessProbe=THEIRS)
    change = {"metadata": {"labels": {"changed": "meanwhile"}}}
    await client.merge_patch(
        DEPLOYMENTS, target.name, change, namespace=namespace, manager="author"
    )
    replaced, _ = await written(client, replace, target)
    assert content(plan(replace, replaced))


async def test_an_apply_makes_no_workload_that_is_gone_and_touches_no_successor(
    client: Client, namespace: str
) -> None:
    target = await created(client, namespace)
    await client.delete(DEPLOYMENTS, target.name, namespace=namespace)
    with pytest.raises(Conflict):
        await written(client, a_policy(), target)
    with pytest.raises(NotFound):
        await client.get(DEPLOYMENTS, target.name, namespace=namespace)
    successor = await created(client, namespace)
    with pytest.raises(ApiError):
        await written(client, a_policy(), target)
    found = await client.get(DEPLOYMENTS, successor.name, namespace=namespace)
    assert "livenessProbe" not in container(found)


@pytest.mark.parametrize(
    "own",
    [
        {},
        {"livenessProbe": THEIRS},
        {
            "livenessProbe": {
                "httpGet": {"path": "/x", "port": 1, "scheme": "HTTPS", "host": "h"},
                "terminationGracePeriodSeconds": 9,
            },
            "readinessProbe": {"tcpSocket": {"port": 1}, "successThreshold": 4},
        },
    ],
)
async def test_the_recommended_patch_does_by_hand_what_we_would_do(
    client: Client, cluster: Cluster, namespace: str, own: dict[str, Any]
) -> None:
    recommend = a_policy(mode="Recommend", existing="Replace")
    target = await created(client, namespace, **own)
    patch = plan(recommend, target).patch
    assert patch is not None
    command = [str(cluster.kubectl), "--kubeconfig", str(cluster.kubeconfig), "-n", namespace]
    words = ["patch", "deployment", target.name, "--type=strategic", "-p", json.dumps(patch)]
    subprocess.run([*command, *words], check=True, capture_output=True, text=True)  # noqa: ASYNC221
    raw = await client.get(DEPLOYMENTS, target.name, namespace=namespace)
    assert content(plan(recommend, workload(raw | IDENTITY)))
