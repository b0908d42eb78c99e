"""Mode Apply on running workloads: few at a time, watched, halted, put back; real Deployments."""

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import pytest

from e2e.cluster.model import Cluster
from inferencehealth.kube.client import Client, whole
from inferencehealth.kube.requests import DEPLOYMENTS, POLICIES, REPORTS, Resource
from tests.integration.awaiting import condition, message, until
from tests.integration.controller.kubelet import kubelet
from tests.integration.objects import Raw, container, deployment, policy
from tests.integration.programs import program

pytestmark = [pytest.mark.integration]

STATEFUL_SETS = Resource("apps", "v1", "statefulsets", "StatefulSet")
QUOTAS = Resource("", "v1", "resourcequotas", "ResourceQuota")
QUICK = {"interval": "1s", "timeout": "500ms", "failureThreshold": 1}
OWN = {"exec": {"command": ["/bin/alive"]}, "initialDelaySeconds": 7}


async def deploy(client: Client, namespace: str, name: str = "triton", **spec: Any) -> Raw:
    """A Deployment whose pods are available; returns it as it was created."""
    probes = spec.pop("probes", {})
    body = deployment(name, **probes)
    body["spec"] |= spec
    created = await client.create(DEPLOYMENTS, body, namespace=namespace, manager="author")
    await until(client, DEPLOYMENTS, namespace, name, complete)
    return created


async def apply_policy(client: Client, namespace: str, **probes: Any) -> None:
    body = policy(probes={"mode": "Apply", **probes}, checks=QUICK)
    await client.create(POLICIES, body, namespace=namespace, manager="author")


def complete(raw: Raw) -> bool:
    status = raw.get("status", {})
    reasons = [c["reason"] for c in status.get("conditions", []) if c["type"] == "Progressing"]
    current = status.get("observedGeneration") == raw["metadata"]["generation"]
    return current and reasons == ["NewReplicaSetAvailable"]


def has_ours(raw: Raw) -> bool:
    return "startupProbe" in container(raw)


def state(report: Raw) -> tuple[str, str]:
    probes = report.get("status", {}).get("probes", {})
    return probes.get("state", ""), probes.get("rollout", {}).get("state", "")


def without_probes(pod: Raw) -> bool:
    return "startupProbe" not in pod["spec"]["containers"][0]


@pytest.mark.usefixtures("controller")
async def test_two_running_workloads_are_changed_one_after_the_other(
    client: Client, namespace: str
) -> None:
    may_serve = asyncio.Event()
    async with kubelet(client, namespace, lambda p: without_probes(p) or may_serve.is_set()):
        for name in ("a", "b"):
            await deploy(client, namespace, name)
        await apply_policy(client, namespace)
        await until(client, DEPLOYMENTS, namespace, "a", has_ours)
        waiting = await until(
            client, REPORTS, namespace, "deployment-b", lambda r: state(r)[0] == "Pending"
        )
        assert "rollout of deployment/a" in waiting["status"]["probes"]["message"]
        untouched = await client.get(DEPLOYMENTS, "b", namespace=namespace)
        assert not has_ours(untouched)
        may_serve.set()
    async with kubelet(client, namespace):
        await until(client, DEPLOYMENTS, namespace, "b", has_ours)
        for name in ("a", "b"):
            await until(
                client,
                REPORTS,
                namespace,
                f"deployment-{name}",
                lambda r: state(r) == ("Injected", "Done"),
            )
        await until(
            client, POLICIES, namespace, "p", lambda p: condition(p, "ProbesInjected")[0] == "True"
        )


@pytest.mark.usefixtures("controller")
async def test_a_rollout_that_fails_is_halted_and_the_old_probes_are_back_to_the_byte(
    client: Client, namespace: str
) -> None:
    async with kubelet(client, namespace, without_probes):
        created = await deploy(
            client, namespace, "a", probes={"livenessProbe": OWN}, progressDeadlineSeconds=2
        )
        await deploy(client, namespace, "b")
        await apply_policy(client, namespace, existing="Replace")
        await until(client, DEPLOYMENTS, namespace, "a", has_ours)
        back = await until(client, DEPLOYMENTS, namespace, "a", lambda d: not has_ours(d))
        found = await until(
            client, POLICIES, namespace, "p", lambda p: condition(p, "Stalled")[0] == "True"
        )
        assert back["spec"] == created["spec"]
        assert condition(found, "ProbesInjected") == ("False", "RolloutHalted")
        assert condition(found, "Stalled") == ("True", "RolloutHalted")
        assert "deployment/a" in message(found, "Stalled")
        assert "ProgressDeadlineExceeded" in message(found, "Stalled")
        settled = await until(client, DEPLOYMENTS, namespace, "a", complete)
        assert not [
            m for m in settled["metadata"]["managedFields"] if m["manager"] == "inferencehealth"
        ]
        other = await client.get(DEPLOYMENTS, "b", namespace=namespace)
        assert not has_ours(other)
    # Whoever changes the policy asks for another try.
    async with kubelet(client, namespace):
        change = {"spec": {"probes": {"liveness": {"periodSeconds": 17}}}}
        await client.merge_patch(POLICIES, "p", change, namespace=namespace, manager="author")
        for name in ("a", "b"):
            await until(client, DEPLOYMENTS, namespace, name, has_ours)


@pytest.mark.usefixtures("controller")
async def test_a_quota_that_has_no_room_for_a_new_pod_halts_the_rollout_by_name(
    client: Client, namespace: str
) -> None:
    async with kubelet(client, namespace):
        await deploy(client, namespace, progressDeadlineSeconds=2)
        quota = {"metadata": {"name": "gpus"}, "spec": {"hard": {"pods": "1"}}}
        await client.create(QUOTAS, quota, namespace=namespace, manager="author")
        await until(client, QUOTAS, namespace, "gpus", lambda q: q.get("status", {}).get("used"))
        await apply_policy(client, namespace)
        found = await until(
            client, POLICIES, namespace, "p", lambda p: condition(p, "Stalled")[0] == "True"
        )
        assert "exceeded quota: gpus" in message(found, "Stalled")
        workload = await client.get(DEPLOYMENTS, "triton", namespace=namespace)
        assert not has_ours(workload)


@pytest.mark.usefixtures("controller")
async def test_a_paused_workload_waits_until_it_is_resumed(client: Client, namespace: str) -> None:
    async with kubelet(client, namespace):
        await deploy(client, namespace)
        pause = {"spec": {"paused": True}}
        await client.merge_patch(
            DEPLOYMENTS, "triton", pause, namespace=namespace, manager="author"
        )
        await apply_policy(client, namespace)
        report = await until(
            client, REPORTS, namespace, "deployment-triton", lambda r: state(r)[0] == "Pending"
        )
        assert "paused" in report["status"]["probes"]["message"]
        resume = {"spec": {"paused": False}}
        await client.merge_patch(
            DEPLOYMENTS, "triton", resume, namespace=namespace, manager="author"
        )
        await until(client, DEPLOYMENTS, namespace, "triton", has_ours)


@pytest.mark.usefixtures("controller")
async def test_outside_the_maintenance_window_nothing_rolls_but_what_is_scaled_to_zero(
    client: Client, namespace: str
) -> None:
    window = {"start": "00:00", "end": "00:01", "days": ["Mon"], "timeZone": "Europe/Berlin"}
    async with kubelet(client, namespace):
        await deploy(client, namespace, "running")
        empty = deployment("empty")
        empty["spec"]["replicas"] = 0
        await client.create(DEPLOYMENTS, empty, namespace=namespace, manager="author")
        await until(client, DEPLOYMENTS, namespace, "empty", lambda d: d.get("status"))
        await apply_policy(client, namespace, rollout={"window": window})
        await until(client, DEPLOYMENTS, namespace, "empty", has_ours)
        report = await until(
            client, REPORTS, namespace, "deployment-running", lambda r: state(r)[0] == "Pending"
        )
        assert "maintenance window, which opens Mon" in report["status"]["probes"]["message"]
        assert "Europe/Berlin" in report["status"]["probes"]["message"]


@pytest.mark.usefixtures("controller")
async def test_kubectl_rollout_undo_has_the_last_word_until_the_image_changes(
    client: Client, cluster: Cluster, namespace: str
) -> None:
    async with kubelet(client, namespace):
        await deploy(client, namespace)
        await apply_policy(client, namespace)
        await until(
            client, REPORTS, namespace, "deployment-triton", lambda r: state(r)[1] == "Done"
        )
        words = ["--kubeconfig", str(cluster.kubeconfig), "-n", namespace]
        undo = [str(cluster.kubectl), *words, "rollout", "undo", "deployment/triton"]
        await asyncio.to_thread(subprocess.run, undo, check=True, capture_output=True)
        found = await until(
            client,
            POLICIES,
            namespace,
            "p",
            lambda p: condition(p, "ProbesConflicted")[0] == "True",
        )
        assert "kubectl rollout undo" in message(found, "ProbesConflicted")
        left = await client.get(DEPLOYMENTS, "triton", namespace=namespace)
        assert not has_ours(left)
        image = [{"op": "replace", "path": "/spec/template/spec/containers/0/image"}]
        image[0]["value"] = container(left)["image"].replace("24.10", "24.11")
        await client.json_patch(DEPLOYMENTS, "triton", image, namespace=namespace, manager="author")
        await until(client, DEPLOYMENTS, namespace, "triton", has_ours)
        await until(
            client,
            POLICIES,
            namespace,
            "p",
            lambda p: condition(p, "ProbesConflicted")[0] == "False",
        )


@pytest.mark.usefixtures("controller")
async def test_a_stateful_set_is_changed_pod_by_pod_and_watched(
    client: Client, namespace: str
) -> None:
    body = deployment()
    body["spec"] |= {"serviceName": "triton", "replicas": 2}
    async with kubelet(client, namespace):
        await client.create(STATEFUL_SETS, body, namespace=namespace, manager="author")
        await until(
            client,
            STATEFUL_SETS,
            namespace,
            "triton",
            lambda s: s.get("status", {}).get("availableReplicas") == 2,
        )
        target = {"kinds": ["StatefulSet"], "selector": {"matchLabels": {"tier": "inference"}}}
        spec = policy(probes={"mode": "Apply"}, checks=QUICK, target=target)
        await client.create(POLICIES, spec, namespace=namespace, manager="author")
        await until(
            client,
            REPORTS,
            namespace,
            "statefulset-triton",
            lambda r: state(r) == ("Injected", "Done"),
        )
    pods = await client.list(DEPLOYMENTS, project=whole, namespace=namespace)
    assert pods.items == ()
    after = await client.get(STATEFUL_SETS, "triton", namespace=namespace)
    assert after["status"]["updatedReplicas"] == 2
    assert after["metadata"]["generation"] == 2


async def test_a_controller_killed_at_any_moment_of_a_failing_rollout_still_puts_back(
    client: Client, cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    words = ("controller", "--namespace", namespace)
    async with kubelet(client, namespace, without_probes):
        created = await deploy(
            client, namespace, probes={"livenessProbe": OWN}, progressDeadlineSeconds=2
        )
        await apply_policy(client, namespace, existing="Replace")
        moments: list[Any] = [
            until(client, REPORTS, namespace, "deployment-triton", lambda r: state(r)[1]),
            until(client, DEPLOYMENTS, namespace, "triton", has_ours),
            until(
                client,
                REPORTS,
                namespace,
                "deployment-triton",
                lambda r: state(r)[1] == "Halted",
            ),
            until(client, DEPLOYMENTS, namespace, "triton", lambda d: not has_ours(d)),
        ]
        for moment in moments:
            async with program(*words, kubeconfig=cluster.kubeconfig, log=log) as doomed:
                await moment
                doomed.kill()
                await doomed.wait()
        async with program(*words, kubeconfig=cluster.kubeconfig, log=log):
            await until(
                client, POLICIES, namespace, "p", lambda p: condition(p, "Stalled")[0] == "True"
            )
            after = await until(
                client,
                DEPLOYMENTS,
                namespace,
                "triton",
                lambda d: complete(d) and not has_ours(d) and not owned_by_us(d),
            )
    assert after["spec"] == created["spec"]
    assert after["metadata"]["generation"] == 3


def owned_by_us(raw: Raw) -> bool:
    return any(m["manager"] == "inferencehealth" for m in raw["metadata"]["managedFields"])
