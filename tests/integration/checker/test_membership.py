"""Leases of checkers on a real API server: who shares the work, and what becomes of the dead."""

import asyncio
from datetime import UTC, datetime

import pytest

from inferencehealth.checker import roster
from inferencehealth.kube.client import Client
from inferencehealth.kube.config import Access
from inferencehealth.kube.leases import lease_body
from inferencehealth.kube.requests import LEASES
from tests.integration.awaiting import until_gone

from .world import Server, checking, make_pod, make_report, said

pytestmark = pytest.mark.integration


async def leave_lease(client: Client, namespace: str, name: str, scope: str) -> None:
    """The Lease of a checker that was killed."""
    labels = {"inferencehealth.dev/member": "checker", "inferencehealth.dev/scope": scope}
    body = lease_body(holder=name, labels=labels, duration=15, now=datetime.now(UTC))
    await client.apply(LEASES, name, body, namespace=namespace, manager="test")


async def test_the_lease_of_a_checker_long_dead_is_deleted(
    access: Access, client: Client, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roster, "FORGOTTEN", 1.0)
    await leave_lease(client, namespace, "z-dead", namespace)
    async with checking(access, namespace):
        await until_gone(client, LEASES, namespace, "z-dead")


async def test_a_checker_of_another_namespace_shares_no_work_with_us(
    access: Access, client: Client, namespace: str, server: Server
) -> None:
    async def live() -> None:
        while True:
            await leave_lease(client, namespace, "neighbour", "elsewhere")
            await asyncio.sleep(5)  # as a checker does; it would never give up its share

    living = asyncio.create_task(live())
    for name in "abcdef":
        await make_report(client, namespace, name, server.port)
        await make_pod(client, namespace, f"{name}-0", server.host, app=name)
    async with checking(access, namespace):
        for name in "abcdef":
            await said(client, namespace, name, verdict="Ready")
    living.cancel()
