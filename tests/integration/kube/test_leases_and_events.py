"""Signs of life and Events, as the API server keeps them."""

import asyncio
import time

import pytest

from inferencehealth.kube.client import Client, whole
from inferencehealth.kube.errors import NotFound
from inferencehealth.kube.events import Recorder, ref_of
from inferencehealth.kube.informer import Informer
from inferencehealth.kube.leases import Freshness, Heartbeat, LeaseRecord, project_lease
from inferencehealth.kube.requests import EVENTS, LEASES, Resource
from inferencehealth.kube.store import Change

pytestmark = pytest.mark.integration

CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")


def heart(client: Client, namespace: str) -> Heartbeat:
    return Heartbeat(
        client,
        namespace=namespace,
        name="checker-a",
        labels={"member": "checker"},
        duration=15,
        manager="checker",
    )


async def test_a_member_is_seen_to_live_and_to_leave(client: Client, namespace: str) -> None:
    known, seen = Freshness(), asyncio.Queue[str]()

    def observe(change: Change[LeaseRecord]) -> None:
        if change.new is None:
            known.forget(change.key[1])
        else:
            known.observe(change.new, time.monotonic())
        seen.put_nowait(change.kind)

    informer: Informer[LeaseRecord] = Informer(
        client,
        LEASES,
        project=project_lease,
        on_change=observe,
        namespace=namespace,
        label_selector="member=checker",
    )
    task = asyncio.create_task(informer.run())
    own = heart(client, namespace)
    async with asyncio.timeout(20):
        await own.beat()
        assert await seen.get() == "added"
        first = known._seen["checker-a"].changed_at
        await own.beat()
        assert await seen.get() == "modified"
        assert known._seen["checker-a"].changed_at > first
        assert known.members(time.monotonic()) == {"checker-a"}
        await own.release()
        assert await seen.get() == "deleted"
    assert known.members(time.monotonic()) == frozenset()
    task.cancel()


async def test_a_lease_that_another_process_took_over_outlives_us(
    client: Client, namespace: str
) -> None:
    before, after = heart(client, namespace), heart(client, namespace)
    await before.beat()
    await after.beat()
    await before.release()
    assert await client.get(LEASES, "checker-a", namespace=namespace)
    await after.release()
    with pytest.raises(NotFound):
        await client.get(LEASES, "checker-a", namespace=namespace)


async def test_a_lease_that_was_deleted_comes_back_with_the_next_beat(
    client: Client, namespace: str
) -> None:
    own = heart(client, namespace)
    await own.beat()
    await client.delete(LEASES, "checker-a", namespace=namespace)
    await own.beat()
    assert await client.get(LEASES, "checker-a", namespace=namespace)


@pytest.mark.parametrize("note", ["model resnet50 does not serve", "ü" * 2000])
async def test_an_event_is_accepted_and_counted(client: Client, namespace: str, note: str) -> None:
    thing = await client.create(CONFIG_MAPS, {"metadata": {"name": "a"}}, namespace=namespace)
    recorder = Recorder(client, controller="inferencehealth-checker", instance="i" * 300)
    about = ref_of(thing, api_version="v1", kind="ConfigMap")
    for _ in range(2):
        await recorder.emit(
            about, type="Warning", reason="Broken", note=note, action="Check", related=about
        )
    listing = await client.list(EVENTS, project=whole, namespace=namespace)
    (event,) = listing.items
    assert event["regarding"]["uid"] == thing["metadata"]["uid"]
    assert event["series"]["count"] == 2


async def test_an_event_that_expired_is_written_anew(client: Client, namespace: str) -> None:
    thing = await client.create(CONFIG_MAPS, {"metadata": {"name": "a"}}, namespace=namespace)
    recorder = Recorder(client, controller="inferencehealth-checker", instance="a")
    about = ref_of(thing, api_version="v1", kind="ConfigMap")

    async def say() -> str:
        await recorder.emit(about, type="Normal", reason="Ready", note="serves", action="Check")
        (event,) = (await client.list(EVENTS, project=whole, namespace=namespace)).items
        return str(event["metadata"]["name"])

    first = await say()
    await client.delete(EVENTS, first, namespace=namespace)
    assert await say() != first
