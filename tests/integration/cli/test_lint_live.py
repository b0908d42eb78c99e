"""`ihp lint --live` on a real API server: every workload by the policy that holds it."""

import asyncio
import json
import subprocess
import sys
from typing import Any

import pytest

from e2e.cluster.model import Cluster
from inferencehealth.kube.client import Client
from inferencehealth.kube.requests import DEPLOYMENTS, POLICIES
from tests.integration.objects import deployment, policy

pytestmark = pytest.mark.integration

READY = {"httpGet": {"path": "/v2/health/ready", "port": 8000}}


async def lint(cluster: Cluster, namespace: str) -> tuple[int, list[dict[str, Any]]]:
    command = [sys.executable, "-m", "inferencehealth.cli", "lint", "--live", "-n", namespace]
    command += ["--kubeconfig", str(cluster.kubeconfig), "-o", "json"]
    done = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, check=False, timeout=60
    )
    return done.returncode, json.loads(done.stdout)


async def test_a_clusters_workloads_are_judged_as_their_policy_will_leave_them(
    cluster: Cluster, client: Client, namespace: str
) -> None:
    bad = deployment(livenessProbe=READY, readinessProbe=READY)
    await client.create(DEPLOYMENTS, bad, namespace=namespace, manager="author")
    await client.create(
        DEPLOYMENTS, deployment("web", "nginx:1"), namespace=namespace, manager="author"
    )
    code, found = await lint(cluster, namespace)
    assert code == 1
    [same] = [one for one in found if one["id"] == "LivenessSameAsReadiness"]
    assert (same["kind"], same["name"], same["namespace"], same["container"]) == (
        *("Deployment", "triton", namespace, "server"),
    )
    assert (same["file"], same["line"]) == ("", 0)
    mending = policy(probes={"mode": "Apply", "existing": "Replace"})
    await client.create(POLICIES, mending, namespace=namespace, manager="author")
    code, found = await lint(cluster, namespace)
    assert [one for one in found if one["name"] == "triton" and one["severity"] == "error"] == []
