"""The controller may end at any time: nothing is lost, and nobody else ends with it."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.cluster.model import Cluster
from inferencehealth.kube.client import Client
from inferencehealth.kube.requests import DEPLOYMENTS, POLICIES, REPORTS, Resource
from tests.integration.awaiting import condition, until, until_gone
from tests.integration.objects import container, deployment, policy
from tests.integration.programs import DEADLINE, children, program

pytestmark = pytest.mark.integration

CLUSTER_ROLES = Resource("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", False)
BINDINGS = Resource(
    "rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", False
)
ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
SYSTEM = "inferencehealth-system"
EVERYTHING = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]


async def bind(client: Client, name: str, namespace: str) -> None:
    """Give the account every right, under the given name."""
    await client.create(
        BINDINGS,
        {
            "metadata": {"name": name},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": name,
            },
            "subjects": [{"kind": "ServiceAccount", "name": "operator", "namespace": namespace}],
        },
    )


@pytest.fixture
async def account(
    cluster: Cluster, client: Client, namespace: str, tmp_path: Path
) -> AsyncIterator[Path]:
    """A kubeconfig of an account whose rights can be taken away."""
    await client.create(
        ACCOUNTS, {"metadata": {"name": "operator"}}, namespace=namespace, manager="author"
    )
    await client.create(CLUSTER_ROLES, {"metadata": {"name": namespace}, "rules": EVERYTHING})
    await bind(client, namespace, namespace)
    kubectl = [str(cluster.kubectl), "--kubeconfig", str(cluster.kubeconfig)]
    minted = await asyncio.create_subprocess_exec(
        *kubectl,
        "-n",
        namespace,
        "create",
        "token",
        "operator",
        stdout=asyncio.subprocess.PIPE,
    )
    token = (await minted.communicate())[0].decode().strip()
    mine: dict[str, Any] = yaml.safe_load(cluster.kubeconfig.read_text())
    mine["users"][0]["user"] = {"token": token}
    path = tmp_path / "kubeconfig"
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(mine))
    yield path
    for resource in (CLUSTER_ROLES, BINDINGS):
        await client.delete(resource, namespace)


async def test_a_controller_that_loses_its_rights_ends_and_the_next_one_catches_up(
    client: Client, namespace: str, account: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    words = ("controller", "--namespace", namespace)
    async with program(*words, kubeconfig=account, log=log) as first:
        await client.create(POLICIES, policy(), namespace=namespace, manager="author")
        await until(
            client, POLICIES, namespace, "p", lambda p: condition(p, "Ready")[1] == "NoWorkloads"
        )
        await client.delete(BINDINGS, namespace)
        # Rights count when a watch begins, so make it begin anew.
        await client.delete(POLICIES, "p", namespace=namespace)
        first.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(first.wait(), DEADLINE) == 0
    async with program(*words, kubeconfig=account, log=log) as second:
        assert await asyncio.wait_for(second.wait(), DEADLINE) == 1
    assert "forbidden" in log.read_text()
    await client.create(DEPLOYMENTS, deployment(), namespace=namespace, manager="author")
    await client.create(POLICIES, policy(), namespace=namespace, manager="author")
    await bind(client, namespace, namespace)
    async with program(*words, kubeconfig=account, log=log):
        await until(client, REPORTS, namespace, "deployment-triton", lambda r: "status" in r)


async def test_a_controller_killed_at_any_moment_leaves_nothing_half_done(
    client: Client, cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    words = ("controller", "--namespace", namespace)
    spec = policy(probes={"mode": "Apply", "existing": "Replace"})
    own = {"exec": {"command": ["/bin/alive"]}}
    await client.create(
        DEPLOYMENTS, deployment(livenessProbe=own), namespace=namespace, manager="author"
    )
    await client.create(POLICIES, spec, namespace=namespace, manager="author")
    moments: list[Any] = [
        until(client, REPORTS, namespace, "deployment-triton", lambda r: True),
        until(client, REPORTS, namespace, "deployment-triton", lambda r: "status" in r),
        until(client, DEPLOYMENTS, namespace, "triton", lambda d: "startupProbe" in container(d)),
    ]
    for moment in moments:
        async with program(*words, kubeconfig=cluster.kubeconfig, log=log) as doomed:
            await moment
            doomed.kill()
            await doomed.wait()
    async with program(*words, kubeconfig=cluster.kubeconfig, log=log):
        report = await until(
            client,
            REPORTS,
            namespace,
            "deployment-triton",
            lambda r: r.get("status", {}).get("probes", {}).get("state") == "Injected",
        )
    assert report["status"]["probes"]["liveness"]["original"]["exec"] == own["exec"]
    after = await client.get(DEPLOYMENTS, "triton", namespace=namespace)
    assert after["metadata"]["generation"] == 2


async def test_the_checker_goes_on_when_the_controller_is_killed_and_started_again(
    client: Client, cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    words = ("run", "--namespace", namespace, "--system-namespace", namespace)
    async with program(*words, kubeconfig=cluster.kubeconfig, log=log) as supervisor:
        await client.create(POLICIES, policy("first"), namespace=namespace, manager="author")
        await until(client, POLICIES, namespace, "first", lambda p: p["status"].get("conditions"))
        before = children(supervisor.pid)
        before["controller"].send_signal(signal.SIGKILL)
        await client.create(POLICIES, policy("second"), namespace=namespace, manager="author")
        await until(client, POLICIES, namespace, "second", lambda p: p["status"].get("conditions"))
        after = children(supervisor.pid)
        assert after["checker"].pid == before["checker"].pid
        assert after["controller"].pid != before["controller"].pid


async def test_what_happened_while_no_controller_ran_is_made_up_for(
    client: Client, cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    words = ("controller", "--namespace", namespace)
    await client.create(DEPLOYMENTS, deployment(), namespace=namespace, manager="author")
    await client.create(POLICIES, policy(), namespace=namespace, manager="author")
    async with program(*words, kubeconfig=cluster.kubeconfig, log=log):
        await until(client, REPORTS, namespace, "deployment-triton", lambda r: "status" in r)
    await client.delete(POLICIES, "p", namespace=namespace)
    async with program(*words, kubeconfig=cluster.kubeconfig, log=log):
        await until_gone(client, REPORTS, namespace, "deployment-triton")
