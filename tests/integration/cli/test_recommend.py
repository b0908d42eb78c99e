"""`ihp recommend` on a real API server: what it prints is ready to use."""

import asyncio
import subprocess
import sys

import pytest
import yaml

from e2e.cluster.kubectl import kubectl
from e2e.cluster.model import Cluster
from inferencehealth.kube.client import Client
from inferencehealth.kube.requests import DEPLOYMENTS, POLICIES
from tests.integration.objects import container, deployment, policy

pytestmark = pytest.mark.integration

AUTHORS = {"exec": {"command": ["true"]}}


async def recommend(
    cluster: Cluster, namespace: str, *words: str
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "inferencehealth.cli", "recommend", "-n", namespace]
    command += ["--kubeconfig", str(cluster.kubeconfig), *words]
    return await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, check=False, timeout=60
    )


async def test_the_patch_applied_as_printed_leaves_nothing_to_recommend(
    cluster: Cluster, client: Client, namespace: str
) -> None:
    await client.create(DEPLOYMENTS, deployment(livenessProbe=AUTHORS), namespace=namespace)
    told = await recommend(cluster, namespace, "deployment/triton", "--replace", "-o", "patch")
    assert told.returncode == 0, told.stderr
    assert "no policy selects deployment/triton" in told.stderr
    kubectl(cluster, "-n", namespace, "patch", "deployment", "triton", "--patch", told.stdout)
    live = container(await client.get(DEPLOYMENTS, "triton", namespace=namespace))["livenessProbe"]
    assert live["httpGet"]["path"] == "/v2/health/live"
    assert "exec" not in live
    again = await recommend(cluster, namespace, "deploy/triton", "--replace")
    assert again.returncode == 0
    assert again.stdout == ""
    assert "nothing to recommend" in again.stderr


async def test_the_policy_decides_and_every_number_has_its_reason(
    cluster: Cluster, client: Client, namespace: str
) -> None:
    await client.create(DEPLOYMENTS, deployment(), namespace=namespace)
    spec = policy(probes={"budgets": {"maxStartup": "20m"}})
    await client.create(POLICIES, spec, namespace=namespace)
    told = await recommend(cluster, namespace, "deployment/triton", "-o", "yaml")
    assert told.returncode == 0, told.stderr
    probes = yaml.safe_load(told.stdout)
    assert probes["startupProbe"]["failureThreshold"] == 121
    assert "# startupProbe: not restarted during the first 20m" in told.stdout
    assert "# livenessProbe: restarted at most" in told.stdout


async def test_the_diff_shows_what_goes_and_what_comes_without_colours_in_a_pipe(
    cluster: Cluster, client: Client, namespace: str
) -> None:
    await client.create(DEPLOYMENTS, deployment(livenessProbe=AUTHORS), namespace=namespace)
    told = await recommend(cluster, namespace, "deployment/triton", "--replace")
    lines = told.stdout.splitlines()
    assert lines[0] == "--- deployment/triton server (now)"
    assert "-  exec:" in lines
    assert "+    path: /v2/health/live" in lines
    assert "\x1b" not in told.stdout


@pytest.mark.parametrize(
    ("target", "code", "said"),
    [
        ("triton", 2, "write deployment/NAME, statefulset/NAME or lws/NAME"),
        ("pod/triton", 2, "write deployment/NAME, statefulset/NAME or lws/NAME"),
        ("deployment/nowhere", 2, '"nowhere" not found'),
    ],
)
async def test_a_wrong_target_is_told_with_the_remedy(
    cluster: Cluster, namespace: str, target: str, code: int, said: str
) -> None:
    told = await recommend(cluster, namespace, target)
    assert told.returncode == code
    # The box around a usage error folds its text.
    assert said in " ".join(told.stderr.replace("│", " ").split())
    assert "Traceback" not in told.stderr


async def test_a_workload_that_is_no_server_says_so(
    cluster: Cluster, client: Client, namespace: str
) -> None:
    await client.create(DEPLOYMENTS, deployment("web", "nginx:1"), namespace=namespace)
    told = await recommend(cluster, namespace, "deployment/web")
    assert told.returncode == 1
    assert "No profile recognises a model server" in told.stderr
