"""Plays the kubelet, which the integration tier does not have."""

import asyncio

from inferencehealth.kube.client import Client, whole
from inferencehealth.kube.requests import PODS


async def run_pod(client: Client, namespace: str, address: str) -> None:
    """Play kubelet for the one pod of the namespace: it runs, and has this address."""
    found: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    while not found.done():
        pods = (await client.list(PODS, project=whole, namespace=namespace)).items
        if pods:
            found.set_result(pods[0]["metadata"]["name"])
    running = {
        "name": "server",
        "ready": True,
        "started": True,
        "restartCount": 0,
        "image": "x",
        "imageID": "x",
        "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
    }
    status = {
        "phase": "Running",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [running],
    }
    await client.merge_patch(
        PODS,
        found.result(),
        {"status": status},
        namespace=namespace,
        manager="kubelet",
        subresource="status",
    )
