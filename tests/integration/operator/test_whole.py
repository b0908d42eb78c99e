"""Controller and checker together: from an answer of a server to the policy's status and back."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from e2e.cluster.model import Cluster
from inferencehealth.kube.client import Client
from inferencehealth.kube.requests import DEPLOYMENTS, POLICIES
from tests.integration.awaiting import condition, message, until
from tests.integration.objects import deployment, policy
from tests.integration.pods import run_pod
from tests.integration.programs import children, program

pytestmark = pytest.mark.integration

ADDRESS = "127.0.0.9"
QUICK = {"interval": "1s", "timeout": "500ms", "failureThreshold": 2}


class Server:
    """A model server of one endpoint, whose answer the test decides."""

    def __init__(self) -> None:
        self.code = 200
        self.port = 0

    async def ready(self, _: web.Request) -> web.Response:
        """Answer the readiness endpoint."""
        return web.Response(status=self.code)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """The server, on an address of its own as a pod has one."""
    answering = Server()
    app = web.Application()
    app.router.add_get("/ready", answering.ready)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, ADDRESS, 0)
    await site.start()
    answering.port = runner.addresses[0][1]
    yield answering
    await runner.cleanup()


@pytest.fixture
async def operator(
    cluster: Cluster, client: Client, namespace: str, server: Server, tmp_path: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The whole operator over one namespace with one pod that serves."""
    custom = {
        "profile": "custom",
        "port": server.port,
        "endpoints": {"ready": {"path": "/ready"}},
    }
    workload = deployment("model", image="registry.example/own-server:1")
    await client.create(DEPLOYMENTS, workload, namespace=namespace, manager="author")
    await run_pod(client, namespace, ADDRESS)
    body = policy(server=custom, checks=QUICK)
    await client.create(POLICIES, body, namespace=namespace, manager="author")
    words = ("run", "--namespace", namespace, "--system-namespace", namespace)
    async with program(*words, kubeconfig=cluster.kubeconfig, log=tmp_path / "log") as running:
        await until(client, POLICIES, namespace, "p", lambda p: condition(p, "Ready")[0] == "True")
        yield running


@pytest.mark.usefixtures("operator")
async def test_what_the_server_answers_reaches_the_policy_and_back(
    client: Client, namespace: str, server: Server
) -> None:
    server.code = 503
    broken = await until(
        client, POLICIES, namespace, "p", lambda p: condition(p, "Ready")[0] == "False"
    )
    assert broken["status"]["summary"]["verdict"] == "Broken"
    (case,) = broken["status"]["worst"]
    assert case["workload"] == "deployment/model"
    assert "503" in case["message"]
    server.code = 200
    await until(client, POLICIES, namespace, "p", lambda p: condition(p, "Ready")[0] == "True")


async def test_a_status_never_stays_green_when_nobody_looks(
    client: Client, namespace: str, operator: asyncio.subprocess.Process
) -> None:
    checker = children(operator.pid)["checker"]
    checker.send_signal(signal.SIGSTOP)
    try:
        stale = await until(
            client,
            POLICIES,
            namespace,
            "p",
            lambda p: condition(p, "Ready")[1] == "CheckerGone",
            deadline=60,
        )
        assert condition(stale, "Ready")[0] == "Unknown"
        assert "gave no sign of life since" in message(stale, "Ready")
        assert stale["status"]["pods"] == {**stale["status"]["pods"], "total": 1, "unknown": 1}
    finally:
        checker.send_signal(signal.SIGCONT)
    await until(client, POLICIES, namespace, "p", lambda p: condition(p, "Ready")[0] == "True")


@pytest.mark.usefixtures("operator")
async def test_a_changed_order_makes_the_old_verdict_worthless_at_once(
    client: Client, namespace: str
) -> None:
    def answered(p: dict[str, Any]) -> bool:
        status = condition(p, "Ready")[0]
        return p["status"]["observedGeneration"] == 2 and status in ("True", "False")

    change = {"spec": {"server": {"endpoints": {"ready": {"path": "/other"}}}}}
    await client.merge_patch(POLICIES, "p", change, namespace=namespace, manager="author")
    found = await until(client, POLICIES, namespace, "p", answered)
    assert condition(found, "Ready")[0] == "False", "the old order's verdict was taken for the new"
    assert "404" in message(found, "Ready")
