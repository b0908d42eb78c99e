"""What becomes of our probes when the policy goes: restored to the byte, or left and released."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from e2e.cluster.model import Cluster
from inferencehealth.kube.client import Client
from inferencehealth.kube.requests import DEPLOYMENTS, POLICIES, REPORTS
from tests.integration.awaiting import until, until_gone
from tests.integration.controller.kubelet import kubelet
from tests.integration.controller.test_rollouts import (
    OWN,
    apply_policy,
    complete,
    deploy,
    has_ours,
    owned_by_us,
    state,
)
from tests.integration.objects import container
from tests.integration.programs import program

pytestmark = pytest.mark.integration

IN_PLACE = ("Injected", "Done")


async def injected(client: Client, namespace: str, name: str = "triton") -> None:
    await until(client, REPORTS, namespace, f"deployment-{name}", lambda r: state(r) == IN_PLACE)


@pytest.mark.usefixtures("controller")
async def test_restore_gives_back_exactly_the_bytes_of_the_original_probes(
    client: Client, namespace: str
) -> None:
    async with kubelet(client, namespace):
        created = await deploy(client, namespace, probes={"livenessProbe": OWN})
        await apply_policy(client, namespace, existing="Replace", onDelete="Restore")
        await injected(client, namespace)
        await client.delete(POLICIES, "p", namespace=namespace)
        await until_gone(client, REPORTS, namespace, "deployment-triton")
        after = await client.get(DEPLOYMENTS, "triton", namespace=namespace)
    assert after["spec"] == created["spec"]
    assert not owned_by_us(after)
    assert after["metadata"]["generation"] == 3


@pytest.mark.usefixtures("controller")
async def test_workloads_are_restored_one_after_the_other(client: Client, namespace: str) -> None:
    may_serve = asyncio.Event()
    may_serve.set()
    async with kubelet(client, namespace, lambda p: may_serve.is_set()):
        for name in ("a", "b"):
            await deploy(client, namespace, name)
        await apply_policy(client, namespace, onDelete="Restore")
        for name in ("a", "b"):
            await injected(client, namespace, name)
        may_serve.clear()
        await client.delete(POLICIES, "p", namespace=namespace)
        await until(client, DEPLOYMENTS, namespace, "a", lambda d: not has_ours(d))
        waiting = await until(
            client,
            REPORTS,
            namespace,
            "deployment-b",
            lambda r: r["status"]["probes"].get("message"),
        )
        assert "to be restored after a" in waiting["status"]["probes"]["message"]
        assert has_ours(await client.get(DEPLOYMENTS, "b", namespace=namespace))
    async with kubelet(client, namespace):
        for name in ("a", "b"):
            await until_gone(client, REPORTS, namespace, f"deployment-{name}")
        assert not has_ours(await client.get(DEPLOYMENTS, "b", namespace=namespace))


@pytest.mark.usefixtures("controller")
async def test_retain_leaves_our_probes_and_the_next_manager_meets_no_conflict(
    client: Client, namespace: str
) -> None:
    async with kubelet(client, namespace):
        await deploy(client, namespace)
        await apply_policy(client, namespace)
        await injected(client, namespace)
        before = await until(client, DEPLOYMENTS, namespace, "triton", complete)
        await client.delete(POLICIES, "p", namespace=namespace)
        await until_gone(client, REPORTS, namespace, "deployment-triton")
        after = await client.get(DEPLOYMENTS, "triton", namespace=namespace)
        assert after["spec"] == before["spec"]
        assert not owned_by_us(after)
        mine = {"name": "server", "livenessProbe": {"periodSeconds": 99}}
        theirs = {"spec": {"template": {"spec": {"containers": [mine]}}}}
        taken = await client.apply(
            DEPLOYMENTS, "triton", theirs, namespace=namespace, manager="git-robot"
        )
    assert container(taken)["livenessProbe"]["periodSeconds"] == 99


@pytest.mark.usefixtures("controller")
async def test_a_workload_that_the_policy_no_longer_selects_is_let_go(
    client: Client, namespace: str
) -> None:
    async with kubelet(client, namespace):
        created = await deploy(client, namespace, probes={"livenessProbe": OWN})
        await apply_policy(client, namespace, existing="Replace", onDelete="Restore")
        await injected(client, namespace)
        change = {"spec": {"target": {"selector": {"matchLabels": {"tier": "other"}}}}}
        await client.merge_patch(POLICIES, "p", change, namespace=namespace, manager="author")
        await until_gone(client, REPORTS, namespace, "deployment-triton")
        after = await client.get(DEPLOYMENTS, "triton", namespace=namespace)
    assert after["spec"] == created["spec"]


@pytest.mark.parametrize("moments", [0, 1, 2])
async def test_a_policy_that_went_while_no_controller_ran_is_made_up_for(
    client: Client, cluster: Cluster, namespace: str, tmp_path: Path, moments: int
) -> None:
    log = tmp_path / "log"
    words = ("controller", "--namespace", namespace)
    async with kubelet(client, namespace):
        created = await deploy(client, namespace, probes={"livenessProbe": OWN})
        async with program(*words, kubeconfig=cluster.kubeconfig, log=log):
            await apply_policy(client, namespace, existing="Replace", onDelete="Restore")
            await injected(client, namespace)
        await client.delete(POLICIES, "p", namespace=namespace)
        kills: list[Any] = [
            lambda: until(
                client,
                REPORTS,
                namespace,
                "deployment-triton",
                lambda r: "being restored" in r["status"]["probes"].get("message", ""),
            ),
            lambda: until(client, DEPLOYMENTS, namespace, "triton", lambda d: not has_ours(d)),
        ]
        for moment in kills[:moments]:
            async with program(*words, kubeconfig=cluster.kubeconfig, log=log) as doomed:
                await moment()
                doomed.kill()
                await doomed.wait()
        async with program(*words, kubeconfig=cluster.kubeconfig, log=log):
            await until_gone(client, REPORTS, namespace, "deployment-triton")
        after = await client.get(DEPLOYMENTS, "triton", namespace=namespace)
    assert after["spec"] == created["spec"]
    assert not owned_by_us(after)
