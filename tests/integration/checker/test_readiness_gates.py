"""Readiness gates on a real API server: who writes the condition, when, and beside whom."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from inferencehealth.api.names import CHECKER_MANAGER, CONTROLLER_MANAGER, READINESS_GATE
from inferencehealth.checker import gated
from inferencehealth.controller import gates as opening
from inferencehealth.controller.gates import FailOpen
from inferencehealth.controller.views import Silence
from inferencehealth.kube.client import Client, whole
from inferencehealth.kube.config import Access
from inferencehealth.kube.errors import Forbidden, NotFound
from inferencehealth.kube.events import Recorder
from inferencehealth.kube.gates import Gate, PodName, set_gate
from inferencehealth.kube.requests import EVENTS, PODS, REPORTS
from tests.integration.awaiting import until

from .world import MANAGER, Raw, Server, checking, make_report, now, said

pytestmark = pytest.mark.integration

NAME = "triton"
LIMITS = {"failOpenAfter": "15s", "floor": 1}


async def make_gated_pod(client: Client, namespace: str, name: str, ip: str) -> Raw:
    """A pod with the gate, as it is right after its containers passed the kubelet's probes."""
    body = {
        "metadata": {"name": name, "labels": {"app": NAME}},
        "spec": {
            "automountServiceAccountToken": False,
            "readinessGates": [{"conditionType": READINESS_GATE}],
            "containers": [{"name": "server", "image": "example/server:1"}],
        },
    }
    async with asyncio.timeout(30):
        while True:
            try:
                made = await client.create(PODS, body, namespace=namespace, manager=MANAGER)
                break
            except Forbidden:  # the namespace's ServiceAccount is being made
                await asyncio.sleep(0.1)
    await kubelet_says(client, made, ip)
    return made


async def kubelet_says(client: Client, pod: Raw, ip: str, *, ready: bool = False) -> None:
    """The kubelet's half of the status, as its own fields; Ready follows the gate on a real one."""
    running = {"running": {"startedAt": now()}}
    status = {
        "phase": "Running",
        "podIP": ip,
        "podIPs": [{"ip": ip}],
        "conditions": [
            {"type": "ContainersReady", "status": "True", "lastTransitionTime": now()},
            {"type": "Ready", "status": str(ready), "lastTransitionTime": now()},
        ],
        "containerStatuses": [
            {
                "name": "server",
                "image": "example/server:1",
                "imageID": "",
                "ready": True,
                "started": True,
                "restartCount": 0,
                "state": running,
            }
        ],
    }
    meta = pod["metadata"]
    await client.apply(
        PODS,
        meta["name"],
        {"status": status},
        namespace=meta["namespace"],
        manager="kubelet",
        force=True,
        subresource="status",
    )


def conditions(raw: Raw) -> dict[str, tuple[str, str]]:
    """Status and reason of each condition of a pod."""
    found = raw["status"].get("conditions", [])
    return {c["type"]: (c["status"], c.get("reason", "")) for c in found}


async def gate_of(client: Client, namespace: str, name: str, *expected: str) -> Raw:
    """The pod once its gate has one of these reasons."""

    def is_so(raw: Raw) -> bool:
        return conditions(raw).get(READINESS_GATE, ("", ""))[1] in expected

    return await until(client, PODS, namespace, name, is_so)


def named(pod: Raw, **changes: str) -> PodName:
    meta = pod["metadata"]
    return PodName(meta["namespace"], meta["name"], changes.get("uid", meta["uid"]))


def gate(*, is_open: bool = True, reason: str = "Serving") -> Gate:
    return Gate(open=is_open, reason=reason, message="why", since=time.time())


async def test_our_condition_stands_beside_the_kubelets(client: Client, namespace: str) -> None:
    pod = await make_gated_pod(client, namespace, "a", "10.0.0.1")
    await set_gate(client, named(pod), gate(), manager=CHECKER_MANAGER)
    await kubelet_says(client, pod, "10.0.0.1", ready=True)
    await set_gate(client, named(pod), gate(is_open=False), manager=CONTROLLER_MANAGER)
    raw = await client.get(PODS, "a", namespace=namespace)
    assert conditions(raw) == {
        "ContainersReady": ("True", ""),
        "Ready": ("True", ""),
        READINESS_GATE: ("False", "Serving"),
    }


async def test_another_pod_of_the_same_name_is_never_written(
    client: Client, namespace: str
) -> None:
    pod = await make_gated_pod(client, namespace, "a", "10.0.0.1")
    with pytest.raises(NotFound):
        await set_gate(client, named(pod, uid="gone"), gate(), manager=CHECKER_MANAGER)
    raw = await client.get(PODS, "a", namespace=namespace)
    assert READINESS_GATE not in conditions(raw)


async def test_a_gate_opens_when_the_pod_serves_and_closes_when_it_breaks(
    access: Access, client: Client, namespace: str, server: Server
) -> None:
    server.status = 503
    await make_report(client, namespace, NAME, server.port, gate=LIMITS | {"floor": 0})
    pod = await make_gated_pod(client, namespace, "a", server.host)
    async with checking(access, namespace):
        raw = await gate_of(client, namespace, "a", "Loading", "NotReady")
        assert conditions(raw)[READINESS_GATE][0] == "False"

        server.status = 200
        raw = await gate_of(client, namespace, "a", "Serving")
        assert conditions(raw)[READINESS_GATE][0] == "True"
        await kubelet_says(client, pod, server.host, ready=True)

        server.status = 500
        raw = await gate_of(client, namespace, "a", "UnexpectedStatus")
        assert conditions(raw)[READINESS_GATE][0] == "False"
        server.status = 200
        await gate_of(client, namespace, "a", "Serving")
    events = await reasons_of_events(client, namespace)
    assert {("Warning", "TakenOutOfTraffic"), ("Normal", "BackInTraffic")} <= events


async def reasons_of_events(client: Client, namespace: str) -> set[tuple[str, str]]:
    listing = await client.list(EVENTS, project=whole, namespace=namespace)
    return {(event["type"], event["reason"]) for event in listing.items}


async def test_a_steady_pod_is_never_written(
    access: Access, client: Client, namespace: str, server: Server
) -> None:
    await make_report(client, namespace, NAME, server.port, gate=LIMITS)
    pod = await make_gated_pod(client, namespace, "a", server.host)
    async with checking(access, namespace):
        await gate_of(client, namespace, "a", "Serving")
        await kubelet_says(client, pod, server.host, ready=True)
        before = await client.get(PODS, "a", namespace=namespace)
        await server.asked_again(4)
    async with checking(access, namespace):  # nor by a restart of the checker
        await server.asked_again(3)
    assert await client.get(PODS, "a", namespace=namespace) == before


async def test_the_floor_keeps_the_last_pod_in_traffic(
    access: Access, client: Client, namespace: str, server: Server
) -> None:
    await make_report(client, namespace, NAME, server.port, gate=LIMITS)
    other = Server()
    await other.open(server.port)
    pods = {
        name: await make_gated_pod(client, namespace, name, host)
        for name, host in (("a", server.host), ("b", other.host))
    }
    async with checking(access, namespace):
        for name, host in (("a", server.host), ("b", other.host)):
            await gate_of(client, namespace, name, "Serving")
            await kubelet_says(client, pods[name], host, ready=True)
        other.status = 500
        raw = await gate_of(client, namespace, "b", "UnexpectedStatus")
        assert conditions(raw)[READINESS_GATE][0] == "False"
        server.status = 500
        raw = await gate_of(client, namespace, "a", "KeptByFloor")
        assert conditions(raw)[READINESS_GATE][0] == "True"
    other.close()


async def test_a_policy_that_gives_up_its_gate_lets_every_pod_in(
    access: Access, client: Client, namespace: str, server: Server
) -> None:
    server.status = 500
    await make_report(client, namespace, NAME, server.port, gate=LIMITS)
    await make_gated_pod(client, namespace, "a", server.host)
    async with checking(access, namespace):
        await gate_of(client, namespace, "a", "UnexpectedStatus")
        off = {"spec": {"check": {"gate": None}}}
        await client.merge_patch(REPORTS, NAME, off, manager=MANAGER, namespace=namespace)
        await gate_of(client, namespace, "a", "NotAsked")


async def test_a_pod_that_no_policy_is_about_is_let_in(
    access: Access, client: Client, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon = gated.STRAY_LIMITS.model_copy(update={"fail_open_after": 0.5})
    monkeypatch.setattr(gated, "STRAY_LIMITS", soon)
    async with checking(access, namespace):
        await make_gated_pod(client, namespace, "a", "127.0.0.1")
        await gate_of(client, namespace, "a", "FailedOpen")


@asynccontextmanager
async def failing_open(
    client: Client, namespace: str, silence_of: Callable[[str], Silence]
) -> AsyncIterator[None]:
    """The controller's half, as long as the block runs."""
    events = Recorder(client, controller="test", instance="test")
    watch = FailOpen(client, silence_of, events, namespace=namespace)
    running = asyncio.create_task(watch.run())
    try:
        yield
    finally:
        running.cancel()


async def test_when_the_checker_is_gone_the_controller_lets_pods_in_once(
    access: Access, client: Client, namespace: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "PERIOD", 0.1)
    seconds = 0.0
    asked = asyncio.Event()

    def silence_of(lease: str) -> Silence:
        assert lease.startswith("inferencehealth-checker-")
        asked.set()
        return Silence(seconds, "12:00:00 UTC")

    server.status = 500
    await make_report(client, namespace, NAME, server.port, gate=LIMITS | {"floor": 0})
    pod = await make_gated_pod(client, namespace, "shut", server.host)
    async with checking(access, namespace):
        await gate_of(client, namespace, "shut", "UnexpectedStatus")
        await said(client, namespace, NAME, verdict="Broken")
    async with failing_open(client, namespace, silence_of):
        await asyncio.wait_for(asked.wait(), 30)
        raw = await client.get(PODS, "shut", namespace=namespace)
        assert conditions(raw)[READINESS_GATE][0] == "False"

        seconds = 16.0
        raw = await gate_of(client, namespace, "shut", "CheckerGone")
        assert conditions(raw)[READINESS_GATE][0] == "True"
        await make_gated_pod(client, namespace, "new", "127.0.0.1")
        await gate_of(client, namespace, "new", "CheckerGone")
        assert ("Warning", "CheckerGone") in await reasons_of_events(client, namespace)

        # A checker that lives after all knows better, however silent it is.
        shut = gate(is_open=False, reason="Judged")
        await set_gate(client, named(pod), shut, manager=CHECKER_MANAGER)
        await make_gated_pod(client, namespace, "newer", "127.0.0.1")
        await gate_of(client, namespace, "newer", "CheckerGone")
        raw = await client.get(PODS, "shut", namespace=namespace)
        assert conditions(raw)[READINESS_GATE] == ("False", "Judged")

        # Gone once more after it had been back, it no longer counts.
        seconds = 0.0
        asked.clear()
        await asyncio.wait_for(asked.wait(), 30)
        seconds = 16.0
        await gate_of(client, namespace, "shut", "CheckerGone")


async def test_a_report_that_no_checker_ever_wrote_to_lets_its_pods_in_as_well(
    client: Client, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "PERIOD", 0.1)
    brief = opening.GateLimits.model_construct(fail_open_after=0.5, floor=1)
    monkeypatch.setattr(opening.GateLimits, "model_validate", lambda _: brief)
    await make_report(client, namespace, NAME, 1, gate=LIMITS)
    await make_gated_pod(client, namespace, "a", "127.0.0.1")

    def silence_of(lease: str) -> Silence:
        raise AssertionError(f"nobody wrote as {lease!r}")

    async with failing_open(client, namespace, silence_of):
        await gate_of(client, namespace, "a", "CheckerGone")
