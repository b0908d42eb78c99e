"""Pods that a real API server knows, and the little servers behind their addresses."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from inferencehealth.checker.main import run
from inferencehealth.kube.client import Client, whole
from inferencehealth.kube.config import Access
from inferencehealth.kube.errors import Forbidden
from inferencehealth.kube.informer import Informer
from inferencehealth.kube.requests import PODS, REPORTS
from inferencehealth.kube.store import Change
from tests.integration.awaiting import until

Raw = dict[str, Any]

PATIENCE = 30.0
LEASE = "inferencehealth-checker-test"
MANAGER = "test"

# Addresses of this process alone, so that test processes side by side share no ports.
_HOSTS = (
    f"127.{64 + os.getpid() % 128}.{os.getpid() // 128 % 256}.{number}"
    for number in itertools.count(1)
)


class Server:
    """A server at an address of its own that answers /ready with `status`."""

    def __init__(self) -> None:
        self.host = next(_HOSTS)
        self.port = 0
        self.status = 200
        self.asked = 0
        self._news = asyncio.Condition()
        self._server: asyncio.Server | None = None

    async def open(self, port: int) -> None:
        """Listen on the port; 0: on any."""
        self._server = await asyncio.start_server(self._answer, self.host, port)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Refuse connections from now on."""
        if self._server is not None:
            self._server.close()

    async def asked_again(self, times: int) -> None:
        """Until it was asked so many times more."""
        async with asyncio.timeout(PATIENCE), self._news:
            goal = self.asked + times
            await self._news.wait_for(lambda: self.asked >= goal)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 %d Any\r\nContent-Length: 0\r\n\r\n" % self.status)
        writer.close()
        async with self._news:
            self.asked += 1
            self._news.notify_all()


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def report(name: str, port: int, *, policy: str = "p", **check: Any) -> Raw:
    """A report that asks for checks of a custom server each second."""
    fields: Raw = {
        "profile": "custom",
        "container": "server",
        "port": port,
        "podSelector": {"matchLabels": {"app": name}},
        "endpoints": {"ready": {"path": "/ready", "loading": {"status": [503]}}},
        "interval": "1s",
        "timeout": "500ms",
        "failureThreshold": 2,
        "successThreshold": 1,
        "startupBudget": "1h",
    }
    workload = {"kind": "Deployment", "name": name, "uid": f"uid-{name}"}
    return {
        "metadata": {"name": name},
        "spec": {"policy": policy, "workload": workload, "check": fields | check},
    }


async def make_report(client: Client, namespace: str, name: str, port: int, **check: Any) -> Raw:
    return await client.create(
        REPORTS, report(name, port, **check), namespace=namespace, manager=MANAGER
    )


async def make_pod(
    client: Client, namespace: str, name: str, ip: str, *, app: str, node: str = ""
) -> Raw:
    """A pod that runs, as its kubelet would say; no node has a kubelet, so nobody contradicts."""
    body: Raw = {
        "metadata": {"name": name, "labels": {"app": app}},
        "spec": {
            "automountServiceAccountToken": False,
            "containers": [{"name": "server", "image": "example/server:1"}],
            "nodeName": node,
        },
    }
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                made = await client.create(PODS, body, namespace=namespace, manager=MANAGER)
                break
            except Forbidden:  # the namespace's ServiceAccount is being made
                await asyncio.sleep(0.1)
    await set_pod(client, made, ip)
    return made


async def set_pod(client: Client, pod: Raw, ip: str, **container: Any) -> None:
    """The kubelet's half of the pod."""
    said: Raw = {
        "name": "server",
        "image": "example/server:1",
        "imageID": "",
        "ready": True,
        "started": True,
        "restartCount": 0,
        "state": {"running": {"startedAt": now()}},
    }
    status: Raw = {
        "phase": "Running",
        "podIP": ip,
        "podIPs": [{"ip": ip}],
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [said | container],
    }
    meta = pod["metadata"]
    await client.merge_patch(
        PODS,
        meta["name"],
        {"status": status},
        manager="kubelet",
        namespace=meta["namespace"],
        subresource="status",
    )


async def delete_pod(client: Client, pod: Raw) -> None:
    meta = pod["metadata"]
    await client.delete(PODS, meta["name"], namespace=meta["namespace"])


async def said(client: Client, namespace: str, name: str, **expected: Any) -> Raw:
    """The report once its health is as expected, field by field."""

    def is_so(raw: Raw) -> bool:
        health = raw.get("status", {}).get("health") or {}
        return bool(health) and all(health.get(key) == value for key, value in expected.items())

    return await until(client, REPORTS, namespace, name, is_so)


@asynccontextmanager
async def checking(access: Access, namespace: str, identity: str = "test") -> AsyncIterator[None]:
    """A checker that runs meanwhile, and leaves in an orderly way."""
    stop = asyncio.Event()
    running = asyncio.create_task(
        run(access, namespace=namespace, system_namespace=namespace, identity=identity, stop=stop)
    )
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(running, PATIENCE)


@asynccontextmanager
async def overhearing(client: Client, namespace: str) -> AsyncIterator[list[str]]:
    """Every verdict that is written about any report meanwhile."""
    heard: list[str] = []

    def note(change: Change[Raw]) -> None:
        health = (change.new or {}).get("status", {}).get("health")
        if health:
            heard.append(health["verdict"])

    informer = Informer(client, REPORTS, project=whole, on_change=note, namespace=namespace)
    running = asyncio.create_task(informer.run())
    await informer.synced.wait()
    try:
        yield heard
    finally:
        running.cancel()
