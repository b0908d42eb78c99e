"""`ihp wait` on a real API server with the real operator beside it."""

import asyncio
import json

import pytest

from e2e.cluster.model import Cluster
from inferencehealth.kube.client import Client
from inferencehealth.kube.requests import DEPLOYMENTS, POLICIES
from tests.integration.awaiting import condition, until
from tests.integration.cli.conftest import Server
from tests.integration.cli.ihp import heard, ihp, running
from tests.integration.objects import deployment

pytestmark = pytest.mark.integration


@pytest.mark.usefixtures("operator")
async def test_waiting_ends_as_soon_as_the_policy_is_ready_again(
    cluster: Cluster, client: Client, namespace: str, server: Server
) -> None:
    system = ("--system-namespace", namespace)
    for target in ("p", "deployment/model"):
        done = await ihp(cluster, namespace, "wait", target, *system)
        assert done.returncode == 0, done.stderr
    server.code = 500
    await until(client, POLICIES, namespace, "p", lambda p: condition(p, "Ready")[0] == "False")
    once = await ihp(
        cluster, namespace, "wait", "deploy/model", "--tries", "1", "-o", "json", *system
    )
    assert once.returncode == 1
    assert json.loads(once.stdout)["state"] == "Broken"
    assert "next: ihp diagnose pod/model-" in once.stderr
    # So long an interval that only the watch can end it in time.
    words = ("wait", "p", "--tries", "2", "--interval", "1h", *system)
    async with running(cluster, namespace, *words) as waiting:
        await heard(waiting.stderr, "try 1 of 2: Ready=False")
        server.code = 200
        assert await asyncio.wait_for(waiting.wait(), 60) == 0


async def test_a_workload_that_no_policy_selects_is_told(
    cluster: Cluster, client: Client, namespace: str
) -> None:
    gone = await ihp(cluster, namespace, "wait", "deployment/triton")
    assert (gone.returncode, gone.stderr) == (
        2,
        'ihp: deployments.apps "triton" not found\n',
    )
    await client.create(DEPLOYMENTS, deployment(), namespace=namespace)
    done = await ihp(cluster, namespace, "wait", "deployment/triton", "--timeout", "10ms")
    assert done.returncode == 1
    assert "Unknown NoReport" in done.stderr
