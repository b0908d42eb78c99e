"""From the check that reaches the failure threshold to the policy's status, p50 and p99.

A small fleet on a real API server, checked every second. Servers fail one after the other; the
time that the threshold itself takes is not counted, as the user asked for it: the clock starts
when the last check it needs was answered, by the server's own record.
"""

import argparse
import asyncio
import os
import sys
import time
from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from bench import fleet
from bench.report import Bar, Report, show
from bench.world import PORT, enter, running
from e2e import program
from e2e.cluster import api
from e2e.cluster.kubectl import kubectl
from e2e.cluster.model import Cluster, Tier
from e2e.cluster.processes import identify
from inferencehealth.kube import config
from inferencehealth.kube.client import connect, whole
from inferencehealth.kube.informer import Informer
from inferencehealth.kube.requests import PODS, POLICIES, JsonObject
from inferencehealth.kube.store import Change

THRESHOLD = 3
GOOD = b'HTTP/1.1 200 OK\r\nContent-Length: 20\r\nConnection: close\r\n\r\n{"status":"healthy"}'
BAD = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass
class Servers:
    """Answers at every loopback address; remembers when it told an address's last failures."""

    failing: set[str] = field(default_factory=set)
    failures: dict[str, deque[float]] = field(default_factory=dict)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One exchange."""
        try:
            await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            writer.close()
            return
        address = writer.get_extra_info("sockname")[0]
        bad = address in self.failing
        writer.write(BAD if bad else GOOD)
        if bad:
            self.failures.setdefault(address, deque(maxlen=100)).append(time.monotonic())
        writer.close()


def main() -> None:
    """Runs the trials; exits with 1 when the bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.reaction", description=__doc__)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    enter()
    cluster = api.up(Tier.SCALE, name=f"bench-{os.getpid()}", owner=identify(os.getpid()))
    try:
        seconds = asyncio.run(_measured(cluster, given.trials))
    finally:
        api.down(cluster)
    seconds.sort()
    p50, p99 = seconds[len(seconds) // 2], seconds[int(len(seconds) * 0.99)]
    report = Report(
        title="From the last failed check that was needed to the policy's status",
        columns=("trials", "p50 s", "p99 s", "max s"),
        rows=((str(len(seconds)), f"{p50:.2f}", f"{p99:.2f}", f"{seconds[-1]:.2f}"),),
        bars=(Bar("p99 in s", p99, 2.0, at_most=True),),
    )
    sys.exit(0 if show(report, given.json) else 1)


async def _measured(cluster: Cluster, trials: int) -> list[float]:
    program.install(cluster)
    kubectl(cluster, "create", "namespace", fleet.NAMESPACE)
    policy = fleet.policy(interval=1)
    fleet.apply(cluster, *fleet.deployments(fleet.PER_DEPLOYMENT), policy)
    fleet.until(lambda: fleet.ready_pods(cluster) >= fleet.PER_DEPLOYMENT, "the pods are Ready")
    servers = Servers()
    listening = await asyncio.start_server(servers.answer, "0.0.0.0", PORT, backlog=4096)
    with ExitStack() as stack:
        for name in ("controller", "checker"):
            log = fleet.log_of(cluster, name)
            stack.enter_context(running(fleet.ihp(cluster, name), log=log))
        access = await config.load(cluster.kubeconfig)
        async with listening, connect(access) as client:
            listed = await client.list(PODS, project=whole, namespace=fleet.NAMESPACE)
            addresses = [pod["status"]["podIP"] for pod in listed.items]
            broken = _Broken()
            informer = Informer(
                client,
                POLICIES,
                project=whole,
                on_change=broken.changed,
                namespace=fleet.NAMESPACE,
            )
            watching = asyncio.create_task(informer.run())
            await broken.becomes(0, serving=len(addresses))
            found = []
            for address in addresses[:trials]:
                servers.failures.pop(address, None)
                servers.failing.add(address)
                at = await broken.becomes(1)
                found.append(at - servers.failures[address][THRESHOLD - 1])
                servers.failing.discard(address)
                await broken.becomes(0, serving=len(addresses))
            watching.cancel()
    return found


class _Broken:
    """The policy's status as a watch tells it."""

    def __init__(self) -> None:
        self._news = asyncio.Event()
        self._counts: dict[str, int] = {}
        self._at = 0.0

    def changed(self, change: Change[JsonObject]) -> None:
        """The policy changed."""
        self._counts = ((change.new or {}).get("status") or {}).get("pods") or {}
        self._at = time.monotonic()
        self._news.set()

    async def becomes(self, broken: int, *, serving: int = 0) -> float:
        """When the status came to count so many broken pods."""

        async with asyncio.timeout(fleet.PATIENCE):
            while not self._are(broken, serving):
                self._news.clear()
                await self._news.wait()
        return self._at

    def _are(self, broken: int, serving: int) -> bool:
        counts = self._counts
        return counts.get("broken") == broken and counts.get("ready", 0) >= serving


if __name__ == "__main__":
    main()
