"""`ihp drill` on a real API server, where the tests play the kubelet."""

import asyncio
import json
import signal

import pytest

from e2e.cluster.model import Cluster
from inferencehealth.kube.client import Client, whole
from inferencehealth.kube.requests import PODS
from tests.integration.cli.conftest import Server
from tests.integration.cli.ihp import ihp, running
from tests.integration.cli.test_diagnose import deployed, kubelet_says

pytestmark = pytest.mark.integration

DRILL = ("drill", "deployment/model", "--yes")
PATIENCE = 60.0


async def names(client: Client, namespace: str) -> set[str]:
    listed = await client.list(PODS, project=whole, namespace=namespace)
    return {raw["metadata"]["name"] for raw in listed.items}


async def replacement(client: Client, namespace: str, old: str) -> str:
    """The pod that is made for the deleted one."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = await names(client, namespace)
            if old not in found and found:
                return found.pop()
            await asyncio.sleep(0.1)


async def test_the_new_pod_is_waited_for_and_asked(
    cluster: Cluster, client: Client, namespace: str, server: Server
) -> None:
    old = await deployed(client, namespace, server.port)
    await kubelet_says(client, namespace, old)
    async with running(cluster, namespace, *DRILL, "-o", "json") as drill:
        new = await replacement(client, namespace, old)
        await kubelet_says(client, namespace, new)
        out, err = await asyncio.wait_for(drill.communicate(), PATIENCE)
    assert drill.returncode == 0, err.decode()
    assert "traffic stops until its replacement is ready" in err.decode()
    report = json.loads(out)
    assert (report["deleted"], report["replacement"], report["passed"]) == (old, new, True)
    assert {step["step"]: step["outcome"] for step in report["steps"]} == {
        "CheckFails": "Done",
        "TrafficStops": "Skipped",
        "PodReady": "Done",
        "CheckSucceeds": "Done",
        "TrafficReturns": "Skipped",
    }


async def test_ctrl_c_ends_the_wait_and_says_what_was_done(
    cluster: Cluster, client: Client, namespace: str, server: Server
) -> None:
    old = await deployed(client, namespace, server.port)
    await kubelet_says(client, namespace, old)
    async with running(cluster, namespace, *DRILL) as drill:
        await replacement(client, namespace, old)
        drill.send_signal(signal.SIGINT)
        out, err = await asyncio.wait_for(drill.communicate(), PATIENCE)
    assert drill.returncode == 130
    assert f"pod/{old} was deleted, and deployment/model replaces it" in err.decode()
    assert "exercise not passed" in out.decode()
    assert "Traceback" not in err.decode()


async def test_no_exercise_on_top_of_trouble(
    cluster: Cluster, client: Client, namespace: str, server: Server
) -> None:
    pod = await deployed(client, namespace, server.port)
    await kubelet_says(client, namespace, pod, ready=False)
    done = await ihp(cluster, namespace, *DRILL)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"First: ihp diagnose pod/{pod}" in done.stderr
    await kubelet_says(client, namespace, pod)
    server.code = 500
    done = await ihp(cluster, namespace, *DRILL)
    assert (done.returncode, done.stdout) == (1, "")
    assert "does not serve now" in done.stderr
    assert await names(client, namespace) == {pod}
