"""A thousand Deployments under one policy: how soon all are planned, and what that costs.

The real controller on a real API server. Deployments are scaled to zero, so that it is the
planning that is measured, not the making of pods. Measured from the moment the policy is created
until the last report says what it should: in mode Recommend, then after a changed policy, then in
mode Apply, then at rest.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.report import Bar, Report, show
from bench.world import Usage, running, window
from e2e import program
from e2e.cluster import api
from e2e.cluster.model import Cluster, Tier
from e2e.cluster.processes import identify
from inferencehealth.controller.together import together
from inferencehealth.kube import config
from inferencehealth.kube.client import Client, connect
from inferencehealth.kube.requests import (
    DEPLOYMENTS,
    NAMESPACES,
    POLICIES,
    REPORTS,
)

NAMESPACE = "planning"
IMAGE = "nvcr.io/nvidia/tritonserver:24.10-py3"
PATIENCE = 300.0
LOOK = 0.25
PAGE = 500
REST = 20.0
QUIET = 4.0
IDLE = 0.05
"""Share of a core below which the controller has nothing left to do."""
ROUNDS = 3
"""Changes of the policy after which memory is compared: what grows with each shows by then."""
PLANNED_WITHIN = 10.0
GROWTH = 1.15
"""Times as much memory after all rounds as after the first: allocators keep some, leaks more."""

Raw = dict[str, Any]


def main() -> None:
    """Runs all scenes; exits with 1 when a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.plan", description=__doc__)
    parser.add_argument("--workloads", type=int, default=1_000)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    cluster = api.up(
        Tier.INTEGRATION, name=f"bench-plan-{os.getpid()}", owner=identify(os.getpid())
    )
    try:
        program.install(cluster)
        report = asyncio.run(measured(cluster, given.workloads))
    finally:
        api.down(cluster)
    sys.exit(0 if show(report, given.json) else 1)


async def measured(cluster: Cluster, workloads: int) -> Report:
    """The scenes, one after the other."""
    access = await config.load(cluster.kubeconfig)
    command = [sys.executable, "-m", "inferencehealth.cli", "controller"]
    command += ["--kubeconfig", str(cluster.kubeconfig)]
    async with connect(access) as client:
        await create(client, workloads)
        await observed(client)
        with running(command, log=cluster.state_dir / "logs" / "controller.log") as controller:
            return await scenes(client, controller, workloads)


async def scenes(client: Client, controller: Usage, workloads: int) -> Report:
    """Each scene is a change of the policy, and how long it takes to be everywhere."""
    rows: list[tuple[str, ...]] = []

    async def scene(name: str, change: Raw, done: Callable[[Raw], bool]) -> float:
        began, cpu = time.monotonic(), controller.cpu()
        await write_policy(client, change)
        await until(client, workloads, done)
        took = time.monotonic() - began
        used = f"{controller.cpu() - cpu:.1f} s"
        rows.append((name, f"{took:.1f} s", used, f"{controller.rss():.0f} MiB"))
        return took

    async def settled() -> None:
        """What a change leaves to be worked off, on whatever machine this is."""
        busy = 1.0
        while busy > IDLE:
            with window(controller) as moment:
                await asyncio.sleep(QUIET)
            busy = moment[0].cores

    await settled()  # the controller has started, and its watches know all Deployments
    planned = await scene("policy created, mode Recommend", policy(0), at(0, "Recommended"))
    await settled()
    first = controller.rss()
    for round_ in range(1, ROUNDS + 1):
        await scene(f"policy changed ({round_})", policy(round_), at(round_, "Recommended"))
        await settled()
    growth = controller.rss() / first
    await scene("mode Apply, all scaled to zero", policy(0, "Apply"), at(0, "Injected"))
    await settled()
    with window(controller) as rest:
        await asyncio.sleep(REST)
    rows.append(
        ("at rest", f"{REST:.0f} s", f"{rest[0].cores:.1%} of a core", f"{rest[0].rss:.0f} MiB")
    )
    return Report(
        title=f"{workloads} Deployments under one policy",
        columns=("scene", "until all reports say so", "controller's CPU", "memory"),
        rows=tuple(rows),
        bars=(
            Bar(
                "planned after the policy was created, seconds",
                planned,
                PLANNED_WITHIN,
                at_most=True,
            ),
            Bar(f"memory after {ROUNDS} changes, times that before", growth, GROWTH, at_most=True),
        ),
        notes=(
            "Memory is the controller's resident set; Kopf and the API server's JSON included.",
        ),
    )


def policy(round_: int, mode: str = "Recommend") -> Raw:
    """The policy of a round, which can be told from the others by a number in the probes."""
    return {
        "target": {"selector": {"matchLabels": {"tier": "inference"}}},
        "probes": {"mode": mode, "liveness": {"periodSeconds": 20 + round_}},
    }


def at(round_: int, state: str) -> Callable[[Raw], bool]:
    """Whether a report is in that state with the probes of that round."""

    def holds(report: Raw) -> bool:
        probes = report.get("status", {}).get("probes", {})
        period = ((probes.get("liveness") or {}).get("wanted") or {}).get("periodSeconds")
        return probes.get("state") == state and period == 20 + round_

    return holds


async def write_policy(client: Client, spec: Raw) -> None:
    await client.apply(
        POLICIES, "p", {"spec": spec}, namespace=NAMESPACE, manager="bench", force=True
    )


async def until(client: Client, workloads: int, done: Callable[[Raw], bool]) -> None:
    """All reports are so. The policy's status is written after them, and cheaper to look at."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        await asyncio.sleep(LOOK)
        found = await client.get(POLICIES, "p", namespace=NAMESPACE)
        status = found.get("status", {})
        if status.get("observedGeneration") != found["metadata"]["generation"]:
            continue
        listed = await client.list(REPORTS, project=done, namespace=NAMESPACE, limit=PAGE)
        if sum(listed.items) == workloads:
            return
    sys.exit(f"not all of {workloads} after {PATIENCE:.0f} s")


async def observed(client: Client) -> None:
    """The Deployments' own controller has seen them all, and leaves the machine to us."""
    seen = [False]
    while not all(seen):
        await asyncio.sleep(1)
        listed = await client.list(
            DEPLOYMENTS, project=lambda d: bool(d.get("status")), namespace=NAMESPACE, limit=PAGE
        )
        seen = list(listed.items)


async def create(client: Client, workloads: int) -> None:
    """The Deployments, and nothing else in the namespace."""
    await client.create(NAMESPACES, {"metadata": {"name": NAMESPACE}})
    numbers = range(workloads)
    await together(
        client.create(DEPLOYMENTS, deployment(f"server-{n:04}"), namespace=NAMESPACE)
        for n in numbers
    )


def deployment(name: str) -> Raw:
    """A Triton without probes, scaled to zero."""
    labels = {"app": name}
    server = {"name": "server", "image": IMAGE, "ports": [{"containerPort": 8000}]}
    return {
        "metadata": {"name": name, "labels": {"tier": "inference"}},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [server]}},
        },
    }


if __name__ == "__main__":
    main()
