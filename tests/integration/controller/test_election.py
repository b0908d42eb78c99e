"""Two copies of the real controller on a real API server: one acts, and who does follows at once.

Each copy has an account of its own, so that the audit log tells who wrote what and when.
"""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from e2e.cluster.model import Cluster
from e2e.servers.processes import free_ports
from inferencehealth.controller.candidate import LEASE
from inferencehealth.controller.election import LOST
from inferencehealth.kube import config
from inferencehealth.kube.client import Client
from inferencehealth.kube.requests import LEASES, POLICIES, Resource
from tests.integration.awaiting import until
from tests.integration.kube.relay import Relay, relay_to
from tests.integration.objects import policy
from tests.integration.programs import DEADLINE, program, until_said

pytestmark = pytest.mark.integration

BINDINGS = Resource("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding")
ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
TAKEOVER = 150.0
"""Seconds that a takeover may take here: it needs 15 of silence, on a machine with other work."""
WRITES = {"create", "update", "patch", "delete"}

Process = asyncio.subprocess.Process


@dataclass(slots=True)
class Copy:
    """A running controller and the account by which the audit log knows it."""

    process: Process
    account: str
    log: Path


@dataclass(slots=True)
class Pair:
    """The namespace of two copies, both of which may be found by who holds the Lease."""

    cluster: Cluster
    client: Client
    namespace: str
    folder: Path
    stack: AsyncExitStack

    async def start(
        self, account: str, kubeconfig: Path | None = None, words: tuple[str, ...] = ()
    ) -> Copy:
        """A copy under an account of that name."""
        log = self.folder / f"{account}.log"
        running = await self.stack.enter_async_context(
            program(
                *("controller", "--leader-elect", "--namespace", self.namespace),
                *("--system-namespace", self.namespace, *words),
                kubeconfig=kubeconfig or await self.kubeconfig(account),
                log=log,
            )
        )
        return Copy(running, account, log)

    async def kubeconfig(self, account: str) -> Path:
        """A kubeconfig of a new account with all rights in the namespace."""
        body = {"metadata": {"name": account}}
        await self.client.create(ACCOUNTS, body, namespace=self.namespace, manager="author")
        role = {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "cluster-admin",
        }
        who = {"kind": "ServiceAccount", "name": account, "namespace": self.namespace}
        await self.client.create(
            BINDINGS, body | {"roleRef": role, "subjects": [who]}, namespace=self.namespace
        )
        minted = await asyncio.create_subprocess_exec(
            *(str(self.cluster.kubectl), "--kubeconfig", str(self.cluster.kubeconfig)),
            *("-n", self.namespace, "create", "token", account),
            stdout=asyncio.subprocess.PIPE,
        )
        token = (await minted.communicate())[0].decode().strip()
        mine: dict[str, Any] = yaml.safe_load(self.cluster.kubeconfig.read_text())
        mine["users"][0]["user"] = {"token": token}
        path = self.folder / f"{account}.kubeconfig"
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(mine))
        return path

    async def holder(self, *others_than: str) -> str:
        """Who holds the Lease, once somebody does who is none of those."""
        lease = await until(
            self.client,
            LEASES,
            self.namespace,
            LEASE,
            lambda raw: raw["spec"].get("holderIdentity") not in {None, *others_than},
            deadline=TAKEOVER,
        )
        return str(lease["spec"]["holderIdentity"])

    async def acts(self, name: str) -> None:
        """A policy of that name has been looked at by whoever leads."""
        await self.client.create(POLICIES, policy(name), namespace=self.namespace, manager="author")
        await until(
            self.client,
            POLICIES,
            self.namespace,
            name,
            lambda raw: raw.get("status", {}).get("conditions"),
            deadline=TAKEOVER,
        )

    def writes(self, copy: Copy) -> list[Mapping[str, Any]]:
        """What the audit log has of the copy's writes, but for those to the Lease."""
        assert self.cluster.audit_log is not None
        found = []
        for line in self.cluster.audit_log.read_text().splitlines():
            entry = json.loads(line)
            mine = entry["user"].get("username", "").endswith(f":{self.namespace}:{copy.account}")
            about = entry.get("objectRef", {}).get("resource")
            if mine and entry["verb"] in WRITES and about != "leases":
                found.append(entry)
        return found


@pytest.fixture
async def pair(
    cluster: Cluster, client: Client, namespace: str, tmp_path: Path
) -> AsyncIterator[Pair]:
    """Nothing runs yet."""
    async with AsyncExitStack() as stack:
        yield Pair(cluster, client, namespace, tmp_path, stack)


async def both(pair: Pair) -> tuple[Copy, Copy, str]:
    """A copy that leads, one that stands by, and how the Lease calls the first."""
    first = await pair.start("first")
    holder = await pair.holder()
    second = await pair.start("second")
    await pair.acts("before")
    return first, second, holder


async def ended(copy: Copy) -> int:
    return await asyncio.wait_for(copy.process.wait(), DEADLINE)


async def wrote(pair: Pair, copy: Copy) -> None:
    """The audit log has a write of the copy: a line in it may come after what it tells of."""
    async with asyncio.timeout(DEADLINE):
        while not pair.writes(copy):  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def test_a_leader_that_is_killed_is_followed(pair: Pair) -> None:
    first, second, holder = await both(pair)
    first.process.kill()
    await ended(first)
    assert await pair.holder(holder) != holder
    await pair.acts("after")
    await wrote(pair, second)
    assert second.process.returncode is None


async def test_a_leader_that_is_told_to_end_hands_over_at_once(pair: Pair) -> None:
    first, second, holder = await both(pair)
    first.process.terminate()
    assert await ended(first) == 0
    lease = await pair.client.get(LEASES, LEASE, namespace=pair.namespace)
    released = lease["spec"].get("holderIdentity") != holder
    assert released, "the Lease still had its holder when that had ended"
    await pair.holder(holder)
    await pair.acts("after")
    await wrote(pair, second)


async def test_a_copy_that_stands_by_writes_nothing_and_ends_when_told(pair: Pair) -> None:
    first, second, holder = await both(pair)
    await until_said(second.log, "stands by")
    second.process.terminate()
    assert await ended(second) == 0
    assert pair.writes(second) == []
    assert await pair.holder() == holder
    assert first.process.returncode is None


async def test_a_leader_that_stood_still_for_longer_than_its_lease_never_writes_again(
    pair: Pair,
) -> None:
    first, second, holder = await both(pair)
    # Work lies ready when it is stopped, and more has come when it goes on.
    await pair.client.create(POLICIES, policy("ready"), namespace=pair.namespace, manager="author")
    first.process.send_signal(signal.SIGSTOP)
    try:
        await pair.holder(holder)
        await pair.acts("after")
        done = len(pair.writes(first))
        await pair.client.merge_patch(
            POLICIES,
            "ready",
            {"spec": {"checks": {"interval": "7s"}}},
            namespace=pair.namespace,
            manager="author",
        )
    finally:
        first.process.send_signal(signal.SIGCONT)
    assert await ended(first) == LOST
    assert len(pair.writes(first)) == done
    await wrote(pair, second)
    assert "was not renewed for 10 s" in first.log.read_text()


async def test_a_leader_that_cannot_reach_the_server_ends_and_another_one_follows(
    pair: Pair,
) -> None:
    access = await config.load(pair.cluster.kubeconfig)
    async with relay_to(access.server) as relay:
        kubeconfig = await through(relay, pair, "cut-off")
        first = await pair.start("first", kubeconfig)
        holder = await pair.holder()
        second = await pair.start("second")
        await pair.acts("before")
        relay.passable.clear()
        assert await ended(first) == LOST
        await pair.holder(holder)
        await pair.acts("after")
    await wrote(pair, second)


async def through(relay: Relay, pair: Pair, account: str) -> Path:
    """A kubeconfig of a new account, which goes by the relay."""
    path = await pair.kubeconfig(account)
    mine: dict[str, Any] = yaml.safe_load(path.read_text())
    mine["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{relay.port}"
    path.write_text(yaml.safe_dump(mine))
    return path


async def test_a_copy_that_stands_by_answers_for_a_policy_as_the_leader_does(
    pair: Pair, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("of-this-test")
    ports = free_ports(2)
    for account, port in zip(("first", "second"), ports, strict=True):
        words = (f"--listen=127.0.0.1:{port}", f"--health-token-file={token}")
        await pair.start(account, words=words)
        await pair.holder()
    await pair.acts("before")
    headers = {"Authorization": "Bearer of-this-test"}
    path = f"health/{pair.namespace}/before"
    async with aiohttp.ClientSession(headers=headers) as session:
        of_leader, of_other = [await page(session, port, path, "NoWorkloads") for port in ports]
        told, untold = [await page(session, port, "metrics", "controller_leads") for port in ports]
    assert of_leader == of_other
    assert "inferencehealth_controller_leads 1.0" in told
    assert "inferencehealth_policy_condition{" in told
    assert "inferencehealth_controller_leads 0.0" in untold
    assert "inferencehealth_policy_condition{" not in untold


async def page(session: aiohttp.ClientSession, port: int, path: str, words: str) -> str:
    """What a copy answers, once these words are in it; nobody tells when that will be."""
    text = ""
    async with asyncio.timeout(DEADLINE):
        while words not in text:
            try:
                async with session.get(f"http://127.0.0.1:{port}/{path}") as answer:
                    text = await answer.text()
            except aiohttp.ClientConnectionError:
                text = ""
            await asyncio.sleep(0.1)
    return text
