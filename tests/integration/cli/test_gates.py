"""`ihp gates` on a real API server: what is left of our gates, and the way out without us."""

import asyncio
import subprocess
import sys

import pytest

from e2e.cluster.model import Cluster
from inferencehealth.kube.client import Client
from inferencehealth.kube.requests import DEPLOYMENTS, PODS, REPORTS
from tests.integration.awaiting import until
from tests.integration.objects import Raw, deployment

pytestmark = pytest.mark.integration

OURS = {"conditionType": "inferencehealth.dev/models-ready"}
THEIRS = {"conditionType": "example.com/drained"}


async def gates(cluster: Cluster, namespace: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "inferencehealth.cli", "gates", "-n", namespace]
    command += ["--kubeconfig", str(cluster.kubeconfig), *words]
    return await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, check=False, timeout=60
    )


def gated(*entries: Raw) -> Raw:
    body = deployment()
    body["spec"]["template"]["spec"]["readinessGates"] = list(entries)
    return body


async def test_a_cluster_without_gates_is_told_in_no_words(
    cluster: Cluster, client: Client, namespace: str
) -> None:
    await client.create(DEPLOYMENTS, gated(THEIRS), namespace=namespace)
    told = await gates(cluster, namespace)
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")


async def test_templates_and_waiting_pods_are_listed_and_freed(
    cluster: Cluster, client: Client, namespace: str
) -> None:
    await client.create(DEPLOYMENTS, gated(THEIRS, OURS), namespace=namespace)
    body = {
        "metadata": {"name": "waits"},
        "spec": {
            "automountServiceAccountToken": False,
            "readinessGates": [OURS],
            "containers": [{"name": "server", "image": "example/server:1"}],
        },
    }
    await until(
        client, DEPLOYMENTS, namespace, "triton", lambda d: d["status"].get("replicas") == 1
    )
    await client.create(PODS, body, namespace=namespace)
    told = await gates(cluster, namespace)
    assert f"deployment/triton in {namespace}: its pods are made with the gate" in told.stdout
    assert f"pod/waits in {namespace}: waits for its gate" in told.stdout

    freed = await gates(cluster, namespace, "--remove")
    assert (freed.returncode, freed.stderr) == (0, "")
    after = await client.get(DEPLOYMENTS, "triton", namespace=namespace)
    assert after["spec"]["template"]["spec"]["readinessGates"] == [THEIRS]
    pod = await client.get(PODS, "waits", namespace=namespace)
    conditions = {c["type"]: c["status"] for c in pod["status"]["conditions"]}
    assert conditions[OURS["conditionType"]] == "True"


async def test_a_policy_that_would_put_them_back_is_named(
    cluster: Cluster, client: Client, namespace: str
) -> None:
    check = {
        "profile": "triton",
        "container": "server",
        "port": 8000,
        "podSelector": {"matchLabels": {"app": "triton"}},
        "interval": "10s",
        "timeout": "1s",
        "failureThreshold": 3,
        "successThreshold": 1,
        "startupBudget": "10m",
        "gate": {"floor": 1},
    }
    workload = {"kind": "Deployment", "name": "triton", "uid": "u"}
    body = {
        "metadata": {"name": "deployment-triton"},
        "spec": {"policy": "mine", "workload": workload, "check": check},
    }
    await client.create(REPORTS, body, namespace=namespace)
    told = await gates(cluster, namespace, "--remove")
    assert told.returncode == 0
    assert f"{namespace}/mine" in told.stderr
