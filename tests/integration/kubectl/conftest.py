"""A whole operator over one namespace with one pod, whose answers the test decides."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from e2e.cluster.model import Cluster
from inferencehealth.kube.client import Client
from inferencehealth.kube.requests import DEPLOYMENTS, POLICIES
from tests.integration.awaiting import condition, until
from tests.integration.objects import deployment, policy
from tests.integration.pods import run_pod
from tests.integration.programs import program

ADDRESS = "127.0.0.19"
QUICK = {"interval": "1s", "timeout": "500ms", "failureThreshold": 2}
MODELS = ("whisper", "e5-large")


class Server:
    """A server of two models; those in `broken` do not serve."""

    def __init__(self) -> None:
        self.broken: set[str] = set()
        self.port = 0

    async def model(self, request: web.Request) -> web.Response:
        """Answer a model's endpoint."""
        return web.Response(status=503 if request.match_info["name"] in self.broken else 200)


async def _good(_: web.Request) -> web.Response:
    return web.Response()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """The server, on an address of its own as a pod has one."""
    answering = Server()
    app = web.Application()
    app.router.add_get("/ready", _good)
    app.router.add_get("/models/{name}", answering.model)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, ADDRESS, 0).start()
    answering.port = runner.addresses[0][1]
    yield answering
    await runner.cleanup()


@pytest.fixture
async def operator(
    cluster: Cluster, namespace: str, tmp_path: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Controller and checker over the namespace."""
    words = ("run", "--namespace", namespace, "--system-namespace", namespace)
    async with program(*words, kubeconfig=cluster.kubeconfig, log=tmp_path / "log") as running:
        yield running


@pytest.fixture
async def workload(client: Client, namespace: str, server: Server) -> None:
    """A Deployment whose one pod runs and is the server."""
    body = deployment("model", image="registry.example/own-server:1")
    await client.create(DEPLOYMENTS, body, namespace=namespace, manager="author")
    await run_pod(client, namespace, ADDRESS)


def asking(server: Server) -> dict[str, object]:
    """The policy that asks that server for its models."""
    custom = {
        "profile": "custom",
        "port": server.port,
        "endpoints": {"ready": {"path": "/ready"}, "model": {"path": "/models/{model}"}},
        "models": {"required": [{"name": name} for name in MODELS]},
    }
    return policy(server=custom, checks=QUICK)


@pytest.fixture
async def watched(
    client: Client,
    namespace: str,
    server: Server,
    operator: asyncio.subprocess.Process,
    workload: None,
) -> Server:
    """The server once a policy says that it serves."""
    await client.create(POLICIES, asking(server), namespace=namespace, manager="author")
    await until(client, POLICIES, namespace, "p", lambda p: condition(p, "Ready")[0] == "True")
    return server
