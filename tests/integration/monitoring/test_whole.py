"""What load balancers and Prometheus read of a real controller and a real checker."""

import asyncio
import json
import os
import shutil
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from aiohttp import web

from e2e.cluster.model import Cluster
from inferencehealth.kube.client import Client
from inferencehealth.kube.requests import DEPLOYMENTS, POLICIES
from inferencehealth.monitoring.panels import ROWS
from tests.integration.awaiting import condition, until
from tests.integration.objects import deployment, policy
from tests.integration.pods import run_pod
from tests.integration.programs import program

pytestmark = pytest.mark.integration

ADDRESS = "127.0.0.10"
TOKEN = "let-me-see"
QUICK = {"interval": "1s", "timeout": "500ms", "failureThreshold": 2}
NOTHING_TO_SHOW = {"Learned startup", "Canaries"}
"""Panels without data here: nobody saw a pod load, and its profile sends no canary."""
PATIENCE = 60.0
"""Seconds for the programs to start, or to be scraped a few times; the machine may be busy."""


class Server:
    """A server of two models, the second of which the test may break."""

    def __init__(self) -> None:
        self.second = 200
        self.port = 0

    async def ready(self, _: web.Request) -> web.Response:
        """The server itself is always ready."""
        return web.Response()

    async def model(self, request: web.Request) -> web.Response:
        """Answer for a model."""
        return web.Response(status=self.second if request.match_info["name"] == "b" else 200)


@dataclass
class World:
    """The programs, and where they are."""

    server: Server
    controller: str
    checker: str
    spare: str
    checking: asyncio.subprocess.Process


def free_ports() -> tuple[int, int, int]:
    """Three ports that nobody listens on now."""
    with socket.socket() as one, socket.socket() as two, socket.socket() as three:
        for sock in (one, two, three):
            sock.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1], three.getsockname()[1]


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    answering = Server()
    app = web.Application()
    app.router.add_get("/ready", answering.ready)
    app.router.add_get("/models/{name}", answering.model)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, ADDRESS, 0).start()
    answering.port = runner.addresses[0][1]
    yield answering
    await runner.cleanup()


@pytest.fixture
async def world(
    cluster: Cluster, client: Client, namespace: str, server: Server, tmp_path: Path
) -> AsyncIterator[World]:
    """Controller and checker over one namespace, with one pod that serves both models."""
    custom = {
        "profile": "custom",
        "port": server.port,
        "endpoints": {"ready": {"path": "/ready"}, "model": {"path": "/models/{model}"}},
        "models": {"required": [{"name": "a"}, {"name": "b"}]},
    }
    workload = deployment("model", image="registry.example/own-server:1")
    await client.create(DEPLOYMENTS, workload, namespace=namespace, manager="author")
    await run_pod(client, namespace, ADDRESS)
    body = policy(server=custom, checks=QUICK)
    await client.create(POLICIES, body, namespace=namespace, manager="author")
    token = tmp_path / "token"
    token.write_text(TOKEN)
    controller, checker, spare = (f"127.0.0.1:{port}" for port in free_ports())
    words = ("--namespace", namespace, "--system-namespace", namespace, "--listen")
    protected = ("--health-token-file", str(token))
    where = {"kubeconfig": cluster.kubeconfig}
    async with AsyncExitStack() as stack:
        start = stack.enter_async_context
        log = tmp_path / "controller.log"
        await start(program("controller", *words, controller, *protected, log=log, **where))
        log = tmp_path / "checker.log"
        checking = await start(program("checker", *words, checker, log=log, **where))
        await until(
            client,
            POLICIES,
            namespace,
            "p",
            lambda p: condition(p, "Ready")[0] == "True",
            deadline=PATIENCE,
        )
        yield World(server, f"http://{controller}", f"http://{checker}", spare, checking)


async def asked(url: str, token: str = TOKEN, **query: str) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with (
        aiohttp.ClientSession() as session,
        session.get(url, params=query, headers=headers) as answer,
    ):
        return answer.status, json.loads(await answer.text())


async def test_a_load_balancer_reads_what_the_servers_answer_and_that_nobody_looks(
    client: Client, namespace: str, world: World
) -> None:
    page = f"{world.controller}/health/{namespace}/p"
    assert await asked(page) == (200, {"status": "healthy"})
    assert (await asked(page, token=""))[0] == 401
    assert (await asked(f"{world.controller}/health/{namespace}/other"))[0] == 404

    world.server.second = 503
    await until(client, POLICIES, namespace, "p", lambda p: condition(p, "Ready")[0] == "False")
    code, told = await asked(page, detailed="true")
    assert code == 503
    assert told["status"] == "unhealthy"
    assert told["reason"].startswith("deployment/model serves on 0 of 1 pods (")
    assert told["components"] == {
        "deployment/model": "unhealthy",
        "deployment/model/a": "healthy",
        "deployment/model/b": "unhealthy",
    }

    world.server.second = 200
    await until(client, POLICIES, namespace, "p", lambda p: condition(p, "Ready")[0] == "True")
    world.checking.send_signal(signal.SIGSTOP)
    try:
        await until(
            client,
            POLICIES,
            namespace,
            "p",
            lambda p: condition(p, "Ready")[1] == "CheckerGone",
            deadline=60,
        )
        code, told = await asked(page)
        assert (code, told["status"]) == (503, "unhealthy")
        assert "CheckerGone" in told["reason"]
    finally:
        world.checking.send_signal(signal.SIGCONT)

    await client.delete(POLICIES, "p", namespace=namespace)
    async with aiohttp.ClientSession() as session:
        for _ in range(600):
            async with session.get(page, headers={"Authorization": f"Bearer {TOKEN}"}) as answer:
                if answer.status == 404:
                    return
            await asyncio.sleep(0.1)  # the page of a deleted policy is no object to watch
    pytest.fail("the page of a deleted policy stayed")


@asynccontextmanager
async def prometheus(world: World, folder: Path) -> AsyncIterator[str]:
    """A real Prometheus that scrapes both programs each second."""
    jobs = [
        {
            "job_name": name,
            "honor_labels": True,
            "static_configs": [{"targets": [url.removeprefix("http://")]}],
        }
        for name, url in (("controller", world.controller), ("checker", world.checker))
    ]
    settings = {"global": {"scrape_interval": "1s"}, "scrape_configs": jobs}
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(settings))
    address = world.spare
    with (folder / "prometheus.log").open("w") as log:
        running = await asyncio.create_subprocess_exec(
            "prometheus",
            f"--config.file={folder / 'prometheus.yaml'}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address={address}",
            stderr=log,
            env=os.environ | {"GOMAXPROCS": "1"},
        )
    try:
        yield f"http://{address}/api/v1/query"
    finally:
        running.terminate()
        await running.wait()


async def result(session: aiohttp.ClientSession, api: str, expression: str) -> list[Any]:
    async with session.get(api, params={"query": expression}) as answer:
        told = await answer.json()
    assert told["status"] == "success", (expression, told)
    found: list[Any] = told["data"]["result"]
    return found


async def scraped(session: aiohttp.ClientSession, api: str) -> None:
    """Return once both programs were scraped often enough for a rate."""
    often = "count_over_time(inferencehealth_pods[1m]) >= 4"
    both = f"{often} and on () (count_over_time(inferencehealth_workloads[1m]) >= 4)"
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                if await result(session, api, both):
                    return
            except (aiohttp.ClientError, AssertionError):
                pass  # it does not listen yet, or replays its log
            await asyncio.sleep(0.2)  # Prometheus tells nobody that it has scraped


async def test_every_panel_of_the_dashboard_has_data_in_a_real_prometheus(
    client: Client, namespace: str, world: World, tmp_path: Path
) -> None:
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is missing; `make setup-system` installs it")
    world.server.second = 503
    await until(client, POLICIES, namespace, "p", lambda p: condition(p, "Ready")[0] == "False")
    empty = set()
    async with prometheus(world, tmp_path) as api, aiohttp.ClientSession() as session:
        await scraped(session, api)
        for panel in (panel for row in ROWS for panel in row.panels):
            for query in panel.queries:
                asking = query.expression.replace("$__rate_interval", "30s")
                if not await result(session, api, asking.replace("$namespace", namespace)):
                    empty.add(panel.title)
        (broken,) = await result(session, api, "inferencehealth_workload_verdict == 1")
        (short,) = await result(
            session,
            api,
            "inferencehealth_model_pods_asked - inferencehealth_model_pods_serving > 0",
        )
    assert empty == NOTHING_TO_SHOW
    assert broken["metric"]["namespace"] == namespace
    assert broken["metric"]["verdict"] == "Broken"
    assert short["metric"]["model"] == "b"
