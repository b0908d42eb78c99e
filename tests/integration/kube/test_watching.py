"""The informer on a real watch: what the API server does, and what the road to it does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from inferencehealth.kube.client import Client, connect
from inferencehealth.kube.config import Access
from inferencehealth.kube.informer import Informer
from inferencehealth.kube.pods import PodRecord, project_pod
from inferencehealth.kube.requests import PODS, JsonObject
from inferencehealth.kube.store import Change
from tests.integration.kube.relay import Relay, relay_to

pytestmark = pytest.mark.integration


class Watcher:
    def __init__(self, client: Client, namespace: str, **options: Any) -> None:
        self.changes: asyncio.Queue[Change[PodRecord]] = asyncio.Queue()
        self.informer: Informer[PodRecord] = Informer(
            client,
            PODS,
            project=project_pod,
            on_change=self.changes.put_nowait,
            namespace=namespace,
            max_backoff=0.2,
            **options,
        )

    async def next(self) -> tuple[str, str]:
        async with asyncio.timeout(20):
            change = await self.changes.get()
        return change.kind, change.key[1]


@asynccontextmanager
async def watching(client: Client, namespace: str, **options: Any) -> AsyncIterator[Watcher]:
    watcher = Watcher(client, namespace, **options)
    task = asyncio.create_task(watcher.informer.run())
    try:
        yield watcher
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled(), task.exception()


@asynccontextmanager
async def remote(access: Access) -> AsyncIterator[tuple[Client, Relay]]:
    """A client that reaches the API server by a road of our own."""
    async with (
        relay_to(access.server) as relay,
        connect(replace(access, server=f"https://127.0.0.1:{relay.port}")) as client,
    ):
        yield client, relay


def pod(name: str, **labels: str) -> JsonObject:
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "nodeName": "none",  # no scheduler and no kubelet has a say in this pod
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "triton", "image": "triton"}],
        },
    }


async def create(client: Client, namespace: str, name: str, **labels: str) -> None:
    await client.create(PODS, pod(name, **labels), namespace=namespace)


async def test_a_pod_is_followed_from_its_creation_to_its_end(
    client: Client, namespace: str
) -> None:
    await create(client, namespace, "old")
    async with watching(client, namespace) as watcher:
        assert await watcher.next() == ("added", "old")
        await create(client, namespace, "new", app="triton")
        assert await watcher.next() == ("added", "new")
        status = {
            "phase": "Running",
            "podIP": "127.0.0.9",
            "podIPs": [{"ip": "127.0.0.9"}],
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [
                {
                    "name": "triton",
                    "ready": True,
                    "started": True,
                    "restartCount": 1,
                    "image": "triton",
                    "imageID": "",
                    "state": {"running": {"startedAt": "2026-01-02T03:04:05Z"}},
                    "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137}},
                }
            ],
        }
        await client.merge_patch(
            PODS, "new", {"status": status}, manager="m", namespace=namespace, subresource="status"
        )
        assert await watcher.next() == ("modified", "new")
        record = watcher.informer.store[namespace, "new"]
        assert (record.ip, record.ready, record.labels) == ("127.0.0.9", True, {"app": "triton"})
        container = record.container("triton")
        assert container is not None
        assert (container.started_at, container.last_termination) == (1767323045, "OOMKilled")
        failed = {"status": {"phase": "Failed"}}
        await client.merge_patch(
            PODS, "new", failed, manager="m", namespace=namespace, subresource="status"
        )
        assert await watcher.next() == ("deleted", "new")


async def test_a_version_that_is_too_old_leads_to_a_new_list(
    client: Client, namespace: str
) -> None:
    async with watching(client, namespace) as watcher:
        await watcher.informer.synced.wait()
    watcher.informer._version = "1"  # from before the cluster had any pod
    watcher.informer._store.values.clear()
    await create(client, namespace, "a")
    task = asyncio.create_task(watcher.informer.run())
    assert await watcher.next() == ("added", "a")
    task.cancel()
    assert int(watcher.informer._version) > 1


async def test_what_happened_while_the_server_was_away_is_made_up_for(
    client: Client, access: Access, namespace: str
) -> None:
    await create(client, namespace, "gone")
    await create(client, namespace, "again")
    async with remote(access) as (far, relay), watching(far, namespace) as watcher:
        assert {await watcher.next(), await watcher.next()} == {
            ("added", "gone"),
            ("added", "again"),
        }
        before = watcher.informer.store[namespace, "again"].uid
        await relay.close()
        for name in ("gone", "again"):
            await client.delete(PODS, name, namespace=namespace)
        await create(client, namespace, "again")
        assert set(watcher.informer.store) == {(namespace, "gone"), (namespace, "again")}
        await relay.open()
        told: list[tuple[str, str]] = []
        while ("added", "again") not in told:
            told.append(await watcher.next())
        told = [change for change in told if change[0] != "modified"]  # by the start of deletion
        assert sorted(told) == [("added", "again"), ("deleted", "again"), ("deleted", "gone")]
        assert told.index(("deleted", "again")) < told.index(("added", "again"))
        assert watcher.informer.store[namespace, "again"].uid != before
        assert watcher.informer.trouble is None


async def test_a_road_that_falls_silent_is_left_for_a_new_one(
    client: Client, access: Access, namespace: str
) -> None:
    async with remote(access) as (far, relay), watching(far, namespace, silence=1.0) as watcher:
        await watcher.informer.synced.wait()
        relay.passable.clear()
        await create(client, namespace, "a")
        relay.passable = asyncio.Event()  # the old roads stay silent for good, new ones work
        relay.passable.set()
        assert await watcher.next() == ("added", "a")


async def test_the_label_selector_is_the_servers_business(client: Client, namespace: str) -> None:
    async with watching(client, namespace, label_selector="app=triton") as watcher:
        await watcher.informer.synced.wait()
        await create(client, namespace, "other", app="web")
        await create(client, namespace, "ours", app="triton")
        assert await watcher.next() == ("added", "ours")
        await client.merge_patch(
            PODS,
            "ours",
            {"metadata": {"labels": {"app": "web"}}},
            manager="m",
            namespace=namespace,
        )
        assert await watcher.next() == ("deleted", "ours")
