"""Controller and checker together: from an answer of a server to the policy's status and back."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from e2e.cluster.model import Cluster
from inferencehealth.kube.client import Client
from inferencehealth.kube.requests import POLICIES
from tests.integration.awaiting import condition, message, until
from tests.integration.operated import Server, operating, serving
from tests.integration.programs import children

pytestmark = pytest.mark.integration

ADDRESS = "127.0.0.9"


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """The server, on an address of its own."""
    async with serving(ADDRESS) as answering:
        yield answering


@pytest.fixture
async def operator(
    cluster: Cluster, client: Client, namespace: str, server: Server, tmp_path: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The whole operator over one namespace with one pod that serves."""
    async with operating(cluster, client, namespace, server, tmp_path / "log") as running:
        yield running


@pytest.mark.usefixtures("operator")
async def test_what_the_server_answers_reaches_the_policy_and_back(
    client: Client, namespace: str, server: Server
) -> None:
    server.code = 503
    broken = await until(
        client, POLICIES, namespace, "p", lambda p: condition(p, "Ready")[0] == "False"
    )
    assert broken["status"]["summary"]["verdict"] == "Broken"
    (case,) = broken["status"]["worst"]
    assert case["workload"] == "deployment/model"
    assert "503" in case["message"]
    server.code = 200
    await until(client, POLICIES, namespace, "p", lambda p: condition(p, "Ready")[0] == "True")


async def test_a_status_never_stays_green_when_nobody_looks(
    client: Client, namespace: str, operator: asyncio.subprocess.Process
) -> None:
    checker = children(operator.pid)["checker"]
    checker.send_signal(signal.SIGSTOP)
    try:
        stale = await until(
            client,
            POLICIES,
            namespace,
            "p",
            lambda p: condition(p, "Ready")[1] == "CheckerGone",
            deadline=60,
        )
        assert condition(stale, "Ready")[0] == "Unknown"
        assert "gave no sign of life since" in message(stale, "Ready")
        assert stale["status"]["pods"] == {**stale["status"]["pods"], "total": 1, "unknown": 1}
    finally:
        checker.send_signal(signal.SIGCONT)
    await until(client, POLICIES, namespace, "p", lambda p: condition(p, "Ready")[0] == "True")


@pytest.mark.usefixtures("operator")
async def test_a_changed_order_makes_the_old_verdict_worthless_at_once(
    client: Client, namespace: str
) -> None:
    def answered(p: dict[str, Any]) -> bool:
        status = condition(p, "Ready")[0]
        return p["status"]["observedGeneration"] == 2 and status in ("True", "False")

    change = {"spec": {"server": {"endpoints": {"ready": {"path": "/other"}}}}}
    await client.merge_patch(POLICIES, "p", change, namespace=namespace, manager="author")
    found = await until(client, POLICIES, namespace, "p", answered)
    assert condition(found, "Ready")[0] == "False", "the old order's verdict was taken for the new"
    assert "404" in message(found, "Ready")
