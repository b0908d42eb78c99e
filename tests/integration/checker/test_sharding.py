"""Three checkers as processes that share the work: they join, leave, are killed and are stopped."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from e2e.cluster.model import Cluster
from inferencehealth.checker.shards import owner
from inferencehealth.kube.client import Client, whole
from inferencehealth.kube.config import Access
from inferencehealth.kube.informer import Informer
from inferencehealth.kube.requests import LEASES, REPORTS
from inferencehealth.kube.store import Change
from tests.integration.kube.relay import relay_to
from tests.integration.programs import program

from .world import Server, checking, make_pod, make_report

pytestmark = pytest.mark.integration

REPORT_COUNT = 12
MOVED_WITHIN = 30.0
"""Seconds; what is promised to those who run several checkers."""
NAMES = [f"w{number}" for number in range(REPORT_COUNT)]


def lease(identity: str) -> str:
    return f"inferencehealth-checker-{identity}"


class Watch:
    """Follows who writes about each report, and whether anybody ever says what is not so."""

    def __init__(self, client: Client, namespace: str) -> None:
        self.writers: dict[str, str] = {}
        self.wrong: list[str] = []
        self.written: dict[str, int] = {}
        self._news = asyncio.Condition()
        self._telling: set[asyncio.Task[None]] = set()
        self._informer = Informer(
            client, REPORTS, project=whole, on_change=self._changed, namespace=namespace
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._informer.run())
        try:
            yield
        finally:
            task.cancel()

    async def until_written_by(self, *identities: str) -> dict[str, str]:
        """Return once each report is written by the one of these that it belongs to."""
        members = [lease(identity) for identity in identities]
        expected = {name: owner(f"uid-{name}", members) for name in NAMES}
        async with asyncio.timeout(MOVED_WITHIN), self._news:
            await self._news.wait_for(lambda: self.writers == expected)
        return expected

    def _changed(self, change: Change[dict[str, Any]]) -> None:
        health = (change.new or {}).get("status", {}).get("health")
        if not health:
            return
        name = change.key[1]
        self.writers[name] = health["checkedBy"]
        self.written[name] = self.written.get(name, 0) + 1
        if health["verdict"] != "Ready":
            self.wrong.append(f"{name}: {health['verdict']} {health['reason']}")
        task = asyncio.create_task(self._notify())
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _notify(self) -> None:
        async with self._news:
            self._news.notify_all()


@pytest.fixture
async def watch(client: Client, namespace: str, server: Server) -> AsyncIterator[Watch]:
    """Reports with a pod each that serves, and somebody who watches what is written about them."""
    for name in NAMES:
        await make_pod(client, namespace, f"{name}-0", server.host, app=name)
        await make_report(client, namespace, name, server.port)
    watching = Watch(client, namespace)
    async with watching.running():
        yield watching


Start = Callable[[str], Any]


@pytest.fixture
async def start(cluster: Cluster, namespace: str, tmp_path: Path) -> AsyncIterator[Start]:
    """Starts a checker of that identity; those that still run are told to leave at the end."""
    async with AsyncExitStack() as stack:

        async def begin(identity: str) -> asyncio.subprocess.Process:
            words = ("--namespace", namespace, "--system-namespace", namespace)
            running = program(
                *("checker", *words, "--identity", identity),
                kubeconfig=cluster.kubeconfig,
                log=tmp_path / identity,
            )
            return await stack.enter_async_context(running)

        yield begin


async def members(client: Client, namespace: str) -> set[str]:
    listing = await client.list(LEASES, project=whole, namespace=namespace)
    return {raw["spec"]["holderIdentity"] for raw in listing.items}


def moved(before: dict[str, str], after: dict[str, str]) -> set[tuple[str, str]]:
    """From whom to whom reports moved."""
    return {(before[name], after[name]) for name in NAMES if before[name] != after[name]}


async def test_checkers_that_join_leave_and_die_move_only_their_share(
    client: Client, namespace: str, watch: Watch, start: Start
) -> None:
    await start("a")
    alone = await watch.until_written_by("a")
    b, c = await asyncio.gather(start("b"), start("c"))
    three = await watch.until_written_by("a", "b", "c")
    assert await members(client, namespace) == {lease("a"), lease("b"), lease("c")}
    assert {before for before, _ in moved(alone, three)} == {lease("a")}

    b.send_signal(signal.SIGTERM)
    two = await watch.until_written_by("a", "c")
    assert {before for before, _ in moved(three, two)} == {lease("b")}
    assert await members(client, namespace) == {lease("a"), lease("c")}

    c.kill()
    one = await watch.until_written_by("a")
    assert {before for before, _ in moved(two, one)} == {lease("c")}
    assert watch.wrong == []


async def test_a_checker_that_is_stopped_and_goes_on_writes_nothing_that_is_not_its_own(
    client: Client, namespace: str, watch: Watch, start: Start
) -> None:
    a, _ = await asyncio.gather(start("a"), start("b"))
    both = await watch.until_written_by("a", "b")
    watch.written.clear()
    a.send_signal(signal.SIGSTOP)
    try:
        one = await watch.until_written_by("b")
        assert {before for before, _ in moved(both, one)} == {lease("a")}
    finally:
        a.send_signal(signal.SIGCONT)
    assert await watch.until_written_by("a", "b") == both
    assert watch.wrong == []
    # The share went there and back, and nothing else was written.
    assert watch.written == {name: 2 for name in NAMES if both[name] == lease("a")}


async def test_a_checker_whose_road_to_the_api_server_hangs_is_replaced_and_comes_back(
    access: Access, namespace: str, watch: Watch
) -> None:
    async with relay_to(access.server) as relay, AsyncExitStack() as stack:
        far = replace(access, server=str(URL(access.server).with_port(relay.port)))
        for identity, road in (("a", far), ("b", access), ("c", access)):
            await stack.enter_async_context(checking(road, namespace, identity))
        before = await watch.until_written_by("a", "b", "c")
        relay.passable.clear()
        without = await watch.until_written_by("b", "c")
        assert {away for away, _ in moved(before, without)} == {lease("a")}
        relay.passable.set()
        assert await watch.until_written_by("a", "b", "c") == before
        assert watch.wrong == []
