"""Plays the kubelets of a namespace: what they say of its pods is up to the test."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from inferencehealth.kube.client import Client, whole
from inferencehealth.kube.errors import Conflict, NotFound
from inferencehealth.kube.informer import Informer
from inferencehealth.kube.requests import PODS
from inferencehealth.kube.store import Change
from tests.integration.objects import Raw

Says = Callable[[Raw], Raw | None]


@asynccontextmanager
async def playing_kubelets(client: Client, namespace: str, says: Says) -> AsyncIterator[None]:
    """For as long as the block runs, each change of a pod is answered with the status that `says`
    gives for it; with None it is left as it is."""
    tasks: set[asyncio.Task[None]] = set()

    def look(change: Change[Raw]) -> None:
        pod = change.new
        if pod is None or (status := says(pod)) is None:
            return
        task = asyncio.create_task(_say(client, pod, status))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    informer = Informer(client, PODS, project=whole, on_change=look, namespace=namespace)
    running = asyncio.create_task(informer.run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _say(client: Client, pod: Raw, status: Raw) -> None:
    meta = pod["metadata"]
    with suppress(NotFound, Conflict):  # the pod may be gone again, or be another of its name
        await client.apply(
            PODS,
            meta["name"],
            {"metadata": {"uid": meta["uid"]}, "status": status},
            namespace=meta["namespace"],
            manager="kubelet",
            force=True,
            subresource="status",
        )
