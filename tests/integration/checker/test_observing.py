"""What a checker learns on a real API server: loads, and lasting differences with the kubelet."""

from typing import Any

import pytest

from inferencehealth.kube.client import Client, whole
from inferencehealth.kube.config import Access
from inferencehealth.kube.requests import EVENTS, NODES, PODS, REPORTS
from tests.integration.awaiting import until

from .world import MANAGER, Server, checking, make_pod, make_report, now, said, set_pod

pytestmark = pytest.mark.integration

NAME = "triton"
IMAGE = "example/server:1"


async def make_node(client: Client, name: str, kind: str) -> None:
    labels = {"node.kubernetes.io/instance-type": kind}
    body: dict[str, Any] = {"metadata": {"name": name, "labels": labels}}
    await client.create(NODES, body, manager=MANAGER)


async def loaded(client: Client, namespace: str, count: int) -> dict[str, Any]:
    """The startups once so many loads were seen; there is one image on one kind of node."""

    def is_so(raw: dict[str, Any]) -> bool:
        startups = (raw.get("status", {}).get("health") or {}).get("startups") or ()
        return any(each["count"] == count for each in startups)

    raw = await until(client, REPORTS, namespace, NAME, is_so)
    (startup,) = raw["status"]["health"]["startups"]
    found: dict[str, Any] = startup
    return found


async def test_loads_are_told_by_image_and_node_and_outlive_the_checker(
    access: Access, client: Client, namespace: str, server: Server
) -> None:
    node = f"node-of-{namespace}"
    await make_node(client, node, "g5.xlarge")
    server.status = 503
    await make_report(client, namespace, NAME, server.port)
    pod = await make_pod(client, namespace, "triton-0", server.host, app=NAME, node=node)
    await set_pod(client, pod, server.host, ready=False)
    try:
        async with checking(access, namespace):
            await said(client, namespace, NAME, verdict="Loading")
            server.status = 200
            first = await loaded(client, namespace, 1)
        assert (first["image"], first["nodeType"]) == (IMAGE, "g5.xlarge")
        assert len(first["recent"]) == 1

        async with checking(access, namespace):
            await server.asked_again(2)
            server.status = 503
            await set_pod(client, pod, server.host, ready=False, restartCount=1)
            await said(client, namespace, NAME, verdict="Loading")
            server.status = 200
            second = await loaded(client, namespace, 2)
        assert second["recent"][0] == first["recent"][0]
    finally:
        await client.delete(NODES, node)


async def test_a_lasting_difference_with_the_kubelet_is_told_and_taken_back(
    access: Access, client: Client, namespace: str, server: Server
) -> None:
    await make_report(client, namespace, NAME, server.port, kubeletLag="2s")
    pod = await make_pod(client, namespace, "triton-0", server.host, app=NAME)
    async with checking(access, namespace):
        await said(client, namespace, NAME, verdict="Ready")
        server.status = 500

        def differs(raw: dict[str, Any]) -> bool:
            return bool(raw["status"]["health"].get("findings"))

        raw = await until(client, REPORTS, namespace, NAME, differs)
        (finding,) = raw["status"]["health"]["findings"]
        assert finding["id"] == "KubeletReadyButBroken"
        assert "triton-0" in finding["message"]

        await client.merge_patch(
            PODS,
            "triton-0",
            {
                "status": {
                    "conditions": [
                        {"type": "Ready", "status": "False", "lastTransitionTime": now()}
                    ]
                }
            },
            manager="kubelet",
            namespace=namespace,
            subresource="status",
        )
        await until(client, REPORTS, namespace, NAME, lambda raw: not differs(raw))
    events = await client.list(EVENTS, project=whole, namespace=namespace)
    told = [e for e in events.items if e["reason"] == "KubeletReadyButBroken"]
    assert [e["regarding"]["uid"] for e in told] == [pod["metadata"]["uid"]]
    assert "the checks say Broken" in told[0]["note"]
