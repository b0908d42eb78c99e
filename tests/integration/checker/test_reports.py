"""The checker on a real API server: what it writes about pods, and when it writes nothing."""

from dataclasses import replace
from typing import Any

import pytest
from yarl import URL

from inferencehealth.kube.client import Client, whole
from inferencehealth.kube.config import Access
from inferencehealth.kube.errors import NotFound
from inferencehealth.kube.requests import EVENTS, LEASES, PODS, REPORTS
from tests.integration.awaiting import until_gone
from tests.integration.kube.relay import relay_to

from .world import LEASE, Server, checking, delete_pod, make_pod, make_report, said, set_pod

pytestmark = pytest.mark.integration

NAME = "triton"


async def version(client: Client, namespace: str) -> str:
    raw = await client.get(REPORTS, NAME, namespace=namespace)
    found: str = raw["metadata"]["resourceVersion"]
    return found


async def test_a_pod_that_breaks_and_recovers_is_told(
    access: Access, client: Client, namespace: str, server: Server
) -> None:
    await make_report(client, namespace, NAME, server.port)
    pod = await make_pod(client, namespace, "triton-0", server.host, app=NAME)
    async with checking(access, namespace):
        raw = await said(client, namespace, NAME, verdict="Ready", podsServing="1/1")
        health = raw["status"]["health"]
        assert health["checkedBy"] == LEASE
        assert health["observedGeneration"] == raw["metadata"]["generation"]
        assert health["pods"][0]["kubeletReady"]
        lease = await client.get(LEASES, LEASE, namespace=namespace)
        assert lease["metadata"]["labels"] == {
            "inferencehealth.dev/member": "checker",
            "inferencehealth.dev/scope": namespace,
        }

        server.status = 500
        raw = await said(client, namespace, NAME, verdict="Broken", podsServing="0/1")
        assert raw["status"]["health"]["reason"] == "UnexpectedStatus"
        assert "triton-0" in raw["status"]["health"]["message"]

        server.status = 200
        await said(client, namespace, NAME, verdict="Ready")
        event = await event_of(client, namespace, pod, "Recovered")
        assert event["related"]["name"] == NAME
        broken = await event_of(client, namespace, pod, "UnexpectedStatus")
        assert broken["type"] == "Warning"
        assert broken["note"].endswith("the kubelet calls the pod ready")
    with pytest.raises(NotFound):
        await client.get(LEASES, LEASE, namespace=namespace)


async def event_of(client: Client, namespace: str, pod: dict[str, Any], reason: str) -> Any:
    listing = await client.list(EVENTS, project=whole, namespace=namespace)
    found = [e for e in listing.items if e["reason"] == reason]
    assert [e["regarding"]["uid"] for e in found] == [pod["metadata"]["uid"]]
    return found[0]


async def test_a_steady_pod_causes_no_write(
    access: Access, client: Client, namespace: str, server: Server
) -> None:
    await make_report(client, namespace, NAME, server.port)
    await make_pod(client, namespace, "triton-0", server.host, app=NAME)
    async with checking(access, namespace):
        await said(client, namespace, NAME, verdict="Ready")
        before = await version(client, namespace)
        await server.asked_again(4)
        assert await version(client, namespace) == before


async def test_a_restart_of_the_checker_causes_no_write(
    access: Access, client: Client, namespace: str, server: Server
) -> None:
    await make_report(client, namespace, NAME, server.port)
    await make_pod(client, namespace, "triton-0", server.host, app=NAME)
    async with checking(access, namespace):
        await said(client, namespace, NAME, verdict="Ready")
    before = await version(client, namespace)
    async with checking(access, namespace):
        await server.asked_again(3)
    assert await version(client, namespace) == before


async def test_loading_pending_and_crashing_pods_are_told_apart(
    access: Access, client: Client, namespace: str, server: Server
) -> None:
    server.status = 503
    await make_report(client, namespace, NAME, server.port)
    pod = await make_pod(client, namespace, "triton-0", server.host, app=NAME)
    async with checking(access, namespace):
        await said(client, namespace, NAME, verdict="Loading")
        await set_pod(
            client,
            pod,
            server.host,
            ready=False,
            restartCount=3,
            state={"waiting": {"reason": "CrashLoopBackOff"}},
            lastState={"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
        )
        raw = await said(client, namespace, NAME, verdict="Broken", reason="CrashLoopBackOff")
        assert "OOMKilled" in raw["status"]["health"]["message"]
        await delete_pod(client, pod)
        await said(client, namespace, NAME, verdict="Unknown", reason="NoPods")


async def test_a_new_spec_is_answered_by_a_new_check(
    access: Access, client: Client, namespace: str, server: Server
) -> None:
    made = await make_report(client, namespace, NAME, server.port)
    await make_pod(client, namespace, "triton-0", server.host, app=NAME)
    async with checking(access, namespace):
        await said(client, namespace, NAME, verdict="Ready", observedGeneration=1)
        made["spec"]["check"]["endpoints"]["ready"]["expect"] = {"status": [204]}
        patch = {"spec": {"check": made["spec"]["check"]}}
        await client.merge_patch(REPORTS, NAME, patch, manager="test", namespace=namespace)
        await said(client, namespace, NAME, verdict="Broken", observedGeneration=2)


async def test_a_report_without_a_check_is_left_alone(
    access: Access, client: Client, namespace: str, server: Server
) -> None:
    await make_report(client, namespace, NAME, server.port)
    blank = {"policy": "p", "workload": {"kind": "Deployment", "name": "x", "uid": "x"}}
    await client.create(
        REPORTS, {"metadata": {"name": "blank"}, "spec": blank}, namespace=namespace, manager="test"
    )
    await make_pod(client, namespace, "triton-0", server.host, app=NAME)
    async with checking(access, namespace):
        await said(client, namespace, NAME, verdict="Ready")
        raw = await client.get(REPORTS, "blank", namespace=namespace)
        assert "health" not in raw.get("status", {})


async def test_the_other_half_of_the_status_is_never_touched(
    access: Access, client: Client, namespace: str, server: Server
) -> None:
    made = await make_report(client, namespace, NAME, server.port)
    body = {
        "apiVersion": made["apiVersion"],
        "kind": made["kind"],
        "status": {"desiredPods": 7},
    }
    await client.apply(
        REPORTS,
        NAME,
        body,
        manager="inferencehealth-controller",
        namespace=namespace,
        subresource="status",
    )
    async with checking(access, namespace):
        raw = await said(client, namespace, NAME, reason="NoPods")
    assert raw["status"]["desiredPods"] == 7


async def test_while_the_api_server_is_away_checks_go_on_and_are_written_later(
    access: Access, client: Client, namespace: str, server: Server
) -> None:
    await make_report(client, namespace, NAME, server.port)
    await make_pod(client, namespace, "triton-0", server.host, app=NAME)
    async with relay_to(access.server) as relay:
        far = replace(access, server=str(URL(access.server).with_port(relay.port)))
        async with checking(far, namespace):
            await said(client, namespace, NAME, verdict="Ready")
            before = await version(client, namespace)
            await relay.close()
            server.status = 500
            await server.asked_again(3)
            assert await version(client, namespace) == before
            await relay.open()
            await said(client, namespace, NAME, verdict="Broken")


async def test_pods_that_come_and_go_are_followed(
    access: Access, client: Client, namespace: str, server: Server
) -> None:
    await make_report(client, namespace, NAME, server.port)
    other = Server()
    await other.open(server.port)
    async with checking(access, namespace):
        await said(client, namespace, NAME, reason="NoPods")
        await make_pod(client, namespace, "triton-0", server.host, app=NAME)
        second = await make_pod(client, namespace, "triton-1", other.host, app=NAME)
        await said(client, namespace, NAME, podsServing="2/2")
        await delete_pod(client, second)
        await until_gone(client, PODS, namespace, "triton-1")
        await said(client, namespace, NAME, podsServing="1/1")
    other.close()
