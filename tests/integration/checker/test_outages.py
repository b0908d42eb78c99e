"""Outages of our own: no wave of Broken, and the end of each is noticed by itself."""

import asyncio
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from yarl import URL

from e2e.cluster.model import Cluster
from inferencehealth.kube.client import Client
from inferencehealth.kube.config import Access
from inferencehealth.kube.requests import PODS
from tests.integration.kube.relay import relay_to
from tests.integration.programs import program

from .world import (
    LEASE,
    Raw,
    Server,
    checking,
    delete_pod,
    make_pod,
    make_report,
    overhearing,
    said,
)

pytestmark = pytest.mark.integration

POLICIES = ("speech", "vision")
PODS_EACH = 6
STOPPED = 8.0
"""Seconds: more than the failure threshold times the interval, less than a Lease lives."""


async def fleet(client: Client, namespace: str, server: Server) -> list[Raw]:
    """Two policies with six pods each, which all are the one server."""
    pods = []
    for name in POLICIES:
        await make_report(client, namespace, name, server.port, policy=name)
        for number in range(PODS_EACH):
            pod = await make_pod(client, namespace, f"{name}-{number}", server.host, app=name)
            pods.append(pod)
    return pods


async def all_said(client: Client, namespace: str, **expected: str) -> None:
    for name in POLICIES:
        await said(client, namespace, name, **expected)


async def test_when_everybody_falls_silent_at_once_nobody_is_called_broken(
    access: Access, client: Client, namespace: str, server: Server
) -> None:
    await fleet(client, namespace, server)
    async with checking(access, namespace), overhearing(client, namespace) as heard:
        await all_said(client, namespace, verdict="Ready")
        server.close()
        await all_said(client, namespace, verdict="Unknown", reason="CheckerSuspect")
        assert "Broken" not in heard
        await server.open(server.port)
        await all_said(client, namespace, verdict="Ready")
        assert "Broken" not in heard


async def test_when_the_kubelets_miss_them_too_they_are_broken(
    access: Access, client: Client, namespace: str, server: Server
) -> None:
    pods = await fleet(client, namespace, server)
    async with checking(access, namespace):
        await all_said(client, namespace, verdict="Ready")
        server.close()
        unready = {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}
        for pod in pods:
            name = pod["metadata"]["name"]
            await client.merge_patch(
                PODS,
                name,
                unready,
                manager="kubelet",
                namespace=namespace,
                subresource="status",
            )
        await all_said(client, namespace, verdict="Broken", reason="ConnectionRefused")


async def test_a_pod_that_went_while_nobody_could_tell_us_is_never_called_broken(
    access: Access, client: Client, namespace: str, server: Server
) -> None:
    await make_report(client, namespace, "triton", server.port)
    pod = await make_pod(client, namespace, "triton-0", server.host, app="triton")
    async with relay_to(access.server) as relay:
        far = replace(access, server=str(URL(access.server).with_port(relay.port)))
        async with checking(far, namespace), overhearing(client, namespace) as heard:
            await said(client, namespace, "triton", verdict="Ready")
            await relay.close()
            await delete_pod(client, pod)
            server.status = 500  # whoever has its address now
            await server.asked_again(5)
            await relay.open()
            await said(client, namespace, "triton", reason="NoPods")
            assert "Broken" not in heard


async def test_a_checker_that_stood_still_calls_nobody_broken_when_it_goes_on(
    cluster: Cluster, client: Client, namespace: str, server: Server, tmp_path: Path
) -> None:
    await fleet(client, namespace, server)
    words = ("--namespace", namespace, "--system-namespace", namespace, "--identity", "test")
    async with (
        program("checker", *words, kubeconfig=cluster.kubeconfig, log=tmp_path / "log") as checker,
        overhearing(client, namespace) as heard,
    ):
        await all_said(client, namespace, verdict="Ready", checkedBy=LEASE)
        checker.send_signal(signal.SIGSTOP)
        stopped = asyncio.Event()
        asyncio.get_running_loop().call_later(STOPPED, stopped.set)
        await stopped.wait()
        checker.send_signal(signal.SIGCONT)
        await server.asked_again(3 * len(POLICIES) * PODS_EACH)
        await all_said(client, namespace, verdict="Ready")
        assert "Broken" not in heard
    assert "this checker stood still for" in (tmp_path / "log").read_text()
