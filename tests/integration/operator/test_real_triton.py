"""The whole operator on a real API server and a real Triton: models that are not what one hopes."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from e2e.cluster.model import Cluster
from e2e.servers.prerequisites import ServerUnavailableError
from e2e.servers.processes import LOOPBACK, RunningServer
from e2e.servers.triton import process
from e2e.servers.triton.repository import MODELS, write_repository
from inferencehealth.kube.client import Client
from inferencehealth.kube.requests import DEPLOYMENTS, POLICIES
from tests.integration.awaiting import condition, message, until
from tests.integration.objects import deployment, policy
from tests.integration.pods import run_pod
from tests.integration.programs import program

pytestmark = pytest.mark.integration


@pytest.fixture
async def triton(
    cluster: Cluster, client: Client, namespace: str, tmp_path: Path
) -> AsyncIterator[RunningServer]:
    """A Triton with its good model, as the pod of a Deployment; the operator runs beside it."""
    try:
        server = process.start(write_repository(tmp_path / "repository", MODELS), load=["good"])
    except ServerUnavailableError as absent:
        pytest.skip(str(absent))
    await client.create(DEPLOYMENTS, deployment(), namespace=namespace, manager="author")
    await run_pod(client, namespace, LOOPBACK)
    words = ("run", "--namespace", namespace, "--system-namespace", namespace)
    async with program(*words, kubeconfig=cluster.kubeconfig, log=tmp_path / "log"):
        yield server
    server.stop()


async def require(client: Client, namespace: str, port: int, model: str) -> None:
    """A policy that requires this model."""
    server = {"port": port, "models": {"required": [{"name": model}]}}
    body = policy(server=server, checks={"interval": "1s", "timeout": "1s"})
    await client.create(POLICIES, body, namespace=namespace, manager="author")


async def test_a_model_that_does_not_exist_is_named_with_those_that_do(
    client: Client, namespace: str, triton: RunningServer
) -> None:
    await require(client, namespace, triton.ports["http"], "godd")
    found = await until(
        client, POLICIES, namespace, "p", lambda p: condition(p, "Ready")[0] == "False"
    )
    assert condition(found, "Ready")[1] == "ModelNotFound"
    assert '"godd"' in message(found, "Ready")
    assert '"good"' in message(found, "Ready")


async def test_a_model_that_serves_makes_the_policy_ready_and_others_are_reported(
    client: Client, namespace: str, triton: RunningServer
) -> None:
    await require(client, namespace, triton.ports["http"], "good")
    found = await until(
        client, POLICIES, namespace, "p", lambda p: condition(p, "Ready")[0] == "True"
    )
    assert {m["name"]: m["ready"] for m in found["status"]["models"]}["good"] == 1
