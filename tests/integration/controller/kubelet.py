"""Plays the kubelet for a whole namespace: pods become Ready as the test says."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from inferencehealth.kube.client import Client, whole
from inferencehealth.kube.errors import Conflict, NotFound
from inferencehealth.kube.informer import Informer
from inferencehealth.kube.requests import PODS
from inferencehealth.kube.store import Change
from tests.integration.objects import Raw

Serves = Callable[[Raw], bool]
READY = {"type": "Ready", "status": "True"}


def always(_: Raw) -> bool:
    """Every pod becomes Ready at once."""
    return True


@asynccontextmanager
async def kubelet(client: Client, namespace: str, serves: Serves = always) -> AsyncIterator[None]:
    """For as long as the block runs, every pod for which `serves` holds becomes Ready."""
    started: set[str] = set()
    tasks: set[asyncio.Task[None]] = set()

    def look(change: Change[Raw]) -> None:
        pod = change.new
        if pod is None or pod["metadata"]["uid"] in started or not serves(pod):
            return
        started.add(pod["metadata"]["uid"])
        task = asyncio.create_task(_make_ready(client, namespace, pod["metadata"]["name"]))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    informer = Informer(client, PODS, project=whole, on_change=look, namespace=namespace)
    running = asyncio.create_task(informer.run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _make_ready(client: Client, namespace: str, name: str) -> None:
    status = {"phase": "Running", "conditions": [READY]}
    with suppress(NotFound, Conflict):  # the pod may be gone again
        await client.merge_patch(
            PODS,
            name,
            {"status": status},
            namespace=namespace,
            manager="kubelet",
            subresource="status",
        )
