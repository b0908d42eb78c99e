"""`ihp status` over 500 policies and 10,000 pods on a real API server, beside kubectl.

The reports are made here, as a checker would write them: 1 pod in 100 is broken. Measured is the
whole command, from its start to its last line, and kubectl's list of the same objects in the same
rounds.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bench.report import Bar, Report, median, show
from e2e import program
from e2e.cluster import api
from e2e.cluster.kubectl import kubectl
from e2e.cluster.model import Cluster, Tier
from e2e.cluster.processes import identify
from inferencehealth.api.names import (
    CHECKER_LEASE_LABEL,
    CHECKER_MANAGER,
    CONTROLLER_MANAGER,
    POLICY_LABEL,
    SYSTEM_NAMESPACE,
)
from inferencehealth.kube import config
from inferencehealth.kube.client import Client, connect
from inferencehealth.kube.leases import lease_body
from inferencehealth.kube.requests import LEASES, NAMESPACES, POLICIES, REPORTS

Raw = dict[str, Any]

NAMESPACE: Final = "fleet"
LEASE: Final = "bench"
AT_A_TIME: Final = 16
SECOND: Final = 1.0
"""Bar of the 95th percentile, in seconds."""
NO_LEASE_IS_STALE: Final = "24h"
"""Interval of the made checks: nobody renews the Lease while it is measured."""


def main() -> None:
    """Measures; exits with 1 when a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.status", description=__doc__)
    parser.add_argument("--policies", type=int, default=500)
    parser.add_argument("--pods", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--kubeconfig", type=Path, help="a cluster with our definitions to use")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with cluster_of(given.kubeconfig) as (kubeconfig, kubectl_words):
        asyncio.run(fill(kubeconfig, given.policies, given.pods // given.policies))
        report = measured(kubeconfig, kubectl_words, given.policies, given.pods, given.rounds)
    sys.exit(0 if show(report, given.json) else 1)


@contextmanager
def cluster_of(kubeconfig: Path | None) -> Iterator[tuple[Path, list[str]]]:
    """The kubeconfig to use and how kubectl is called with it."""
    if kubeconfig is not None:
        yield kubeconfig, ["kubectl", "--kubeconfig", str(kubeconfig)]
        return
    made: Cluster = api.up(
        Tier.INTEGRATION, name=f"bench-status-{os.getpid()}", owner=identify(os.getpid())
    )
    try:
        program.install(made)
        kubectl(made, "get", "ihp", "-A")
        yield made.kubeconfig, [str(made.kubectl), "--kubeconfig", str(made.kubeconfig)]
    finally:
        api.down(made)


def measured(
    kubeconfig: Path, kubectl_words: Sequence[str], policies: int, pods: int, rounds: int
) -> Report:
    """All commands in turns, so that a busy machine slows them alike."""
    ihp = [sys.executable, "-m", "inferencehealth.cli", "status", "-A"]
    ihp += ["--kubeconfig", str(kubeconfig)]
    commands = {
        "ihp status -A": ihp,
        "ihp status -A -o json": [*ihp, "-o", "json"],
        "ihp version": [sys.executable, "-m", "inferencehealth.cli", "version"],
        "kubectl get ihp,ihr -A": [*kubectl_words, "get", "ihp,ihr", "-A"],
    }
    wall: dict[str, list[float]] = {name: [] for name in commands}
    cpu: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            seconds, used = timed(command)
            wall[name].append(seconds)
            cpu[name].append(used)
    rows = tuple(
        (
            name,
            f"{median(wall[name]):.2f}",
            f"{percentile(wall[name], 0.95):.2f}",
            f"{median(cpu[name]):.2f}",
            f"{median(wall[name]) / median(wall['kubectl get ihp,ihr -A']):.2f}",
        )
        for name in commands
    )
    return Report(
        title=f"Status of {policies:,} policies and {pods:,} pods",
        columns=("command", "median s", "p95 s", "CPU s", "x kubectl"),
        rows=rows,
        bars=(Bar("p95 of ihp status, s", percentile(wall["ihp status -A"], 0.95), SECOND, True),),
        notes=(f"{rounds} rounds; load of the machine {os.getloadavg()[0]:.1f}",),
    )


def timed(command: Sequence[str]) -> tuple[float, float]:
    """Wall and CPU seconds of one run."""
    before, started = os.times(), time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    used = after.children_user + after.children_system
    used -= before.children_user + before.children_system
    return time.monotonic() - started, used


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share of them is."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


async def fill(kubeconfig: Path, policies: int, pods: int) -> None:
    """Policies with one workload each, of so many pods."""
    access = await config.load(kubeconfig)
    async with connect(access) as client:
        for name in (NAMESPACE, SYSTEM_NAMESPACE):
            await client.apply(NAMESPACES, name, {}, manager="bench")
        now = datetime.now(UTC)
        body = lease_body(
            holder=LEASE, labels={CHECKER_LEASE_LABEL: "checker"}, duration=15, now=now
        )
        await client.apply(
            LEASES, LEASE, body, namespace=SYSTEM_NAMESPACE, manager=CHECKER_MANAGER, force=True
        )
        gate = asyncio.Semaphore(AT_A_TIME)
        await asyncio.gather(*(one(client, gate, number, pods) for number in range(policies)))


async def one(client: Client, gate: asyncio.Semaphore, number: int, pods: int) -> None:
    """One policy, its status, and its report in both halves."""
    name = f"model-{number:04d}"
    mine: Raw = {"namespace": NAMESPACE, "manager": CONTROLLER_MANAGER, "force": True}
    async with gate:
        made = await client.apply(
            POLICIES,
            name,
            {"spec": {"target": {"selector": {"matchLabels": {"app": name}}}}},
            **mine,
        )
        await client.apply(
            POLICIES,
            name,
            {"status": {"observedGeneration": made["metadata"]["generation"]}},
            subresource="status",
            **mine,
        )
        await client.apply(REPORTS, f"deployment-{name}", report(name), **mine)
        status = {"detection": {}, "probes": {"state": "Recommended"}, "desiredPods": pods}
        await client.apply(
            REPORTS, f"deployment-{name}", {"status": status}, subresource="status", **mine
        )
        await client.apply(
            REPORTS,
            f"deployment-{name}",
            {"status": {"health": health(name, pods, broken=number % 5 == 0)}},
            subresource="status",
            **{**mine, "manager": CHECKER_MANAGER},
        )


def report(name: str) -> Raw:
    """What the checkers are asked about one workload."""
    check = {
        "profile": "triton",
        "container": "server",
        "port": 8000,
        "podSelector": {"matchLabels": {"app": name}},
        "interval": NO_LEASE_IS_STALE,
        "timeout": "5s",
        "failureThreshold": 3,
        "successThreshold": 1,
        "startupBudget": "10m",
    }
    workload = {"kind": "Deployment", "name": name, "uid": name}
    return {
        "metadata": {"labels": {POLICY_LABEL: name}},
        "spec": {"policy": name, "workload": workload, "check": check},
    }


def health(name: str, pods: int, *, broken: bool) -> Raw:
    """What they found: all serve, but one where something is broken."""
    since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    listed = [
        {
            "name": f"{name}-7d9c5b6f4-{index:05d}",
            "verdict": "Ready",
            "reason": "Serving",
            "since": since,
            "kubeletReady": True,
            "latency": "8ms",
        }
        for index in range(pods)
    ]
    if broken:
        listed[0] |= {
            "verdict": "Broken",
            "reason": "ModelNotFound",
            "message": "the server does not know model resnet50; see its model repository",
        }
    good = pods - broken
    return {
        "observedGeneration": 1,
        "checkedBy": LEASE,
        "verdict": listed[0]["verdict"],
        "reason": listed[0]["reason"],
        "counts": {"total": pods, "ready": good, "broken": int(broken)},
        "podsServing": f"{good}/{pods}",
        "pods": listed,
        "models": [
            {
                "name": "resnet50",
                "required": True,
                "ready": good,
                "total": pods,
                "state": listed[0]["verdict"],
            }
        ],
        "lastTransitionTime": since,
    }


if __name__ == "__main__":
    main()
