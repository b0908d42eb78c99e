"""The definitions go while the controller runs, or while it does not: nothing hangs or changes."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from e2e.cluster.definitions import define
from e2e.cluster.model import Cluster
from inferencehealth.api.names import GROUP, POLICY_PLURAL, REPORT_PLURAL
from inferencehealth.kube.client import Client
from inferencehealth.kube.requests import DEPLOYMENTS, POLICIES, REPORTS
from tests.integration.awaiting import until, until_gone
from tests.integration.conftest import CRDS
from tests.integration.controller.conftest import CRD
from tests.integration.controller.kubelet import kubelet
from tests.integration.controller.test_rollouts import apply_policy, deploy, state
from tests.integration.objects import deployment
from tests.integration.programs import program, until_said

pytestmark = pytest.mark.integration


async def install(cluster: Cluster) -> None:
    await asyncio.to_thread(define, cluster, CRDS)


async def uninstall(client: Client) -> None:
    for plural in (POLICY_PLURAL, REPORT_PLURAL):
        await client.delete(CRD, f"{plural}.{GROUP}")
    for plural in (POLICY_PLURAL, REPORT_PLURAL):
        await until_gone(client, CRD, "", f"{plural}.{GROUP}")


@pytest.fixture
async def installed_again(cluster: Cluster) -> AsyncIterator[None]:
    yield
    await install(cluster)


@pytest.mark.usefixtures("installed_again")
@pytest.mark.parametrize("everywhere", [True, False], ids=["everywhere", "one namespace"])
async def test_definitions_that_go_under_a_running_controller_take_nothing_with_them(
    client: Client, cluster: Cluster, namespace: str, tmp_path: Path, *, everywhere: bool
) -> None:
    log = tmp_path / "log"
    words = ("controller",) if everywhere else ("controller", "--namespace", namespace)
    async with kubelet(client, namespace):
        await deploy(client, namespace)
        async with program(*words, kubeconfig=cluster.kubeconfig, log=log) as running:
            await apply_policy(client, namespace)
            await until(
                client, REPORTS, namespace, "deployment-triton", lambda r: state(r)[1] == "Done"
            )
            before = await client.get(DEPLOYMENTS, "triton", namespace=namespace)
            await uninstall(client)
            after = await client.get(DEPLOYMENTS, "triton", namespace=namespace)
            assert after["spec"] == before["spec"]
            await install(cluster)
            # It takes up its work where the definitions are back, without being started again.
            await apply_policy(client, namespace)
            await until(client, REPORTS, namespace, "deployment-triton", lambda r: "status" in r)
            assert running.returncode is None
    assert "Traceback" not in log.read_text()


@pytest.mark.usefixtures("installed_again")
async def test_a_controller_that_was_there_before_the_definitions_waits_for_them(
    client: Client, cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    await uninstall(client)
    words = ("controller", "--namespace", namespace)
    async with program(*words, kubeconfig=cluster.kubeconfig, log=log):
        await until_said(log, "remedy: kubectl apply")
        await install(cluster)
        await client.create(DEPLOYMENTS, deployment(), namespace=namespace, manager="author")
        await apply_policy(client, namespace)
        await until(client, REPORTS, namespace, "deployment-triton", bool)
    assert "Traceback" not in log.read_text()


@pytest.mark.usefixtures("installed_again")
async def test_definitions_that_go_while_no_controller_runs_hang_nothing(
    client: Client, cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    words = ("controller", "--namespace", namespace)
    async with kubelet(client, namespace):
        await deploy(client, namespace)
        async with program(*words, kubeconfig=cluster.kubeconfig, log=log):
            await apply_policy(client, namespace, onDelete="Restore")
            await until(
                client, REPORTS, namespace, "deployment-triton", lambda r: state(r)[1] == "Done"
            )
        before = await client.get(DEPLOYMENTS, "triton", namespace=namespace)
        await uninstall(client)
        after = await client.get(DEPLOYMENTS, "triton", namespace=namespace)
        assert after["spec"] == before["spec"]
        await install(cluster)
        async with program(*words, kubeconfig=cluster.kubeconfig, log=log):
            await apply_policy(client, namespace)
            found = await until(
                client, POLICIES, namespace, "p", lambda p: "conditions" in p.get("status", {})
            )
        assert found["status"]["summary"]["workloads"] == 1
