"""Plays a node for a namespace: its pods run at one address and pass the kubelet's probes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from inferencehealth.api.names import READINESS_GATE
from inferencehealth.kube.client import Client, whole
from inferencehealth.kube.informer import Informer
from inferencehealth.kube.requests import PODS
from inferencehealth.kube.store import Change
from tests.integration.objects import Raw


@asynccontextmanager
async def kubelet(client: Client, namespace: str, address: str) -> AsyncIterator[None]:
    """Every pod runs at this address and passes the kubelet's probes; with a gate it is ready as
    soon as that is open."""
    tasks: set[asyncio.Task[None]] = set()

    def look(change: Change[Raw]) -> None:
        pod = change.new
        if pod is None or not (status := _kubelets(pod, address)):
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


def _kubelets(pod: Raw, address: str) -> Raw | None:
    """What the kubelet would say now; None if it has."""
    said = {c["type"]: c["status"] for c in pod["status"].get("conditions") or ()}
    gated = bool(pod["spec"].get("readinessGates"))
    ready = "True" if not gated or said.get(READINESS_GATE) == "True" else "False"
    if said.get("Ready") == ready and pod["status"].get("podIP") == address:
        return None
    time = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    names = [each["name"] for each in pod["spec"]["containers"]]
    return {
        "phase": "Running",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "conditions": [
            {"type": "ContainersReady", "status": "True", "lastTransitionTime": time},
            {"type": "Ready", "status": ready, "lastTransitionTime": time},
        ],
        "containerStatuses": [
            {
                "name": name,
                "image": "x",
                "imageID": "",
                "ready": True,
                "started": True,
                "restartCount": 0,
                "state": {"running": {"startedAt": time}},
            }
            for name in names
        ],
    }


async def _say(client: Client, pod: Raw, status: Raw) -> None:
    meta = pod["metadata"]
    await client.apply(
        PODS,
        meta["name"],
        {"metadata": {"uid": meta["uid"]}, "status": status},
        namespace=meta["namespace"],
        manager="kubelet",
        force=True,
        subresource="status",
    )
