"""A model server of one endpoint, and the whole operator beside it, for several suites."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from e2e.cluster.model import Cluster
from inferencehealth.kube.client import Client
from inferencehealth.kube.requests import DEPLOYMENTS, POLICIES
from tests.integration.awaiting import condition, until
from tests.integration.objects import deployment, policy
from tests.integration.pods import run_pod
from tests.integration.programs import program

QUICK = {"interval": "1s", "timeout": "500ms", "failureThreshold": 2}


class Server:
    """Its answer is the test's to decide."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.code = 200
        self.port = 0

    async def ready(self, _: web.Request) -> web.Response:
        """Answer the readiness endpoint."""
        return web.Response(status=self.code)


@asynccontextmanager
async def serving(address: str) -> AsyncIterator[Server]:
    """The server, on an address of its own as a pod has one."""
    answering = Server(address)
    app = web.Application()
    app.router.add_get("/ready", answering.ready)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, address, 0)
    await site.start()
    answering.port = runner.addresses[0][1]
    yield answering
    await runner.cleanup()


@asynccontextmanager
async def operating(
    cluster: Cluster, client: Client, namespace: str, server: Server, log: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The whole operator over one namespace with one pod that serves."""
    custom = {
        "profile": "custom",
        "port": server.port,
        "endpoints": {"ready": {"path": "/ready"}},
    }
    workload = deployment("model", image="registry.example/own-server:1")
    await client.create(DEPLOYMENTS, workload, namespace=namespace, manager="author")
    await run_pod(client, namespace, server.address)
    body = policy(server=custom, checks=QUICK)
    await client.create(POLICIES, body, namespace=namespace, manager="author")
    words = ("run", "--namespace", namespace, "--system-namespace", namespace)
    async with program(*words, kubeconfig=cluster.kubeconfig, log=log) as running:
        await until(client, POLICIES, namespace, "p", lambda p: condition(p, "Ready")[0] == "True")
        yield running
