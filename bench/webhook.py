"""Time that joining a rollout adds to a write: by webhook, by admission policies, and by neither.

One API server, three namespaces, the same Deployment created in each in turns (dry run: nothing is
stored, admission runs in full). Both ways inject three probes into it.
"""

import argparse
import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import yaml

from bench.report import Bar, Report, show
from bench.world import cpu_of
from e2e.cluster import api
from e2e.cluster.definitions import define
from e2e.cluster.model import Cluster, Tier
from e2e.cluster.processes import identify
from inferencehealth.api.policy import Policy
from inferencehealth.controller.admission import AdmissionPolicies
from inferencehealth.kube import config
from inferencehealth.kube.client import Client, connect
from inferencehealth.kube.requests import (
    DEPLOYMENTS,
    NAMESPACES,
    POLICIES,
    WEBHOOK_CONFIGURATIONS,
)

ROOT = Path(__file__).parents[1]
CONFIGURATION = ROOT / "manifests" / "base" / "webhook" / "configuration.yaml"
SYSTEM = "inferencehealth-system"
NEITHER, WEBHOOK, ADMISSION = "neither", "webhook", "admission policies"
ADDED_P99 = 10.0
"""Milliseconds that the webhook may add (issue 6)."""
WARM = 50
"""Writes of each before any is timed: connections, caches and compiled expressions."""
PATIENCE = 60.0
"""Seconds until each way has to be open."""

Raw = dict[str, Any]


def deployment() -> Raw:
    """A Deployment as people write them, with much beside the server."""
    server = {
        "name": "server",
        "image": "nvcr.io/nvidia/tritonserver:24.10-py3",
        "args": ["tritonserver", "--model-repository=/models"],
        "ports": [{"containerPort": n} for n in (8000, 8001, 8002)],
        "env": [{"name": f"SETTING_{n}", "value": "x" * 40} for n in range(40)],
    }
    labels = {"app": "triton"}
    return {
        "metadata": {"name": "triton", "labels": {"tier": "inference"}},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [server]}},
        },
    }


def policy() -> Raw:
    """A policy in mode Initial that leaves everything to the profile."""
    target = {"selector": {"matchLabels": {"tier": "inference"}}}
    return {"metadata": {"name": "p"}, "spec": {"target": target, "probes": {"mode": "Initial"}}}


async def write(client: Client, namespace: str) -> Raw:
    """One create, which is not stored."""
    return await client.apply(
        DEPLOYMENTS, "triton", deployment(), namespace=namespace, manager="bench", dry_run=True
    )


async def measure(cluster: Cluster, writes: int) -> Report:
    """Times of so many writes each."""
    access = await config.load(cluster.kubeconfig)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(connect(access))
        for name in (SYSTEM, *map(_namespace, (NEITHER, WEBHOOK, ADMISSION))):
            await client.create(NAMESPACES, {"metadata": {"name": name}})
        pid = await stack.enter_async_context(_webhook(cluster, client))
        await _admission(client)
        taken: dict[str, list[float]] = {NEITHER: [], WEBHOOK: [], ADMISSION: []}
        used = 0.0
        for number in range(WARM + writes):
            if number == WARM:
                used = cpu_of(pid)
            for name, times in taken.items():
                started = time.perf_counter()
                await write(client, _namespace(name))
                if number >= WARM:
                    times.append((time.perf_counter() - started) * 1000)
        own = (cpu_of(pid) - used) / writes * 1000
    return _report(taken, writes, own)


@asynccontextmanager
async def _webhook(cluster: Cluster, client: Client) -> AsyncIterator[int]:
    """The webhook as a process of its own, open for its namespace; the value is its pid."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    namespace = _namespace(WEBHOOK)
    body = yaml.safe_load(CONFIGURATION.read_text())
    body["webhooks"][0]["clientConfig"] = {"url": f"https://127.0.0.1:{port}/mutate"}
    body["webhooks"][0]["namespaceSelector"] = {
        "matchLabels": {"kubernetes.io/metadata.name": namespace}
    }
    await client.create(WEBHOOK_CONFIGURATIONS, body)
    await client.create(POLICIES, policy(), namespace=namespace)
    with _program(
        cluster, "webhook", "--host", "127.0.0.1", "--port", str(port), "--name=127.0.0.1"
    ) as pid:
        await _open(client, namespace)
        yield pid


@contextmanager
def _program(cluster: Cluster, *words: str) -> Iterator[int]:
    with tempfile.TemporaryFile() as log:
        running = subprocess.Popen(
            [sys.executable, "-m", "inferencehealth.cli", *words],
            stderr=log,
            env=os.environ | {"KUBECONFIG": str(cluster.kubeconfig)},
        )
        try:
            yield running.pid
        finally:
            running.terminate()
            running.wait(PATIENCE)


async def _admission(client: Client) -> None:
    namespace = _namespace(ADMISSION)
    head = {"apiVersion": POLICIES.api_version, "kind": POLICIES.kind}
    body = {**policy(), **head, "metadata": {"name": "p", "namespace": namespace}}
    admission = AdmissionPolicies(client, failure="Fail")
    await admission.bring_in_line(namespace, [Policy.model_validate(body)], [], {}, {})
    await _open(client, namespace)


async def _open(client: Client, namespace: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            (server,) = (await write(client, namespace))["spec"]["template"]["spec"]["containers"]
            if "livenessProbe" in server:
                return


def _namespace(name: str) -> str:
    return f"bench-{name.replace(' ', '-')}"


def _report(taken: dict[str, list[float]], writes: int, own: float) -> Report:
    found = {name: (_quantile(t, 0.5), _quantile(t, 0.99)) for name, t in taken.items()}
    base = found[NEITHER]
    rows = tuple(
        (name, f"{p50:.2f}", f"{p99:.2f}", f"{p50 - base[0]:+.2f}", f"{p99 - base[1]:+.2f}")
        for name, (p50, p99) in found.items()
    )
    return Report(
        title="Milliseconds that a create takes",
        columns=("probes by", "p50", "p99", "added p50", "added p99"),
        rows=rows,
        bars=(Bar("webhook, added p99, ms", found[WEBHOOK][1] - base[1], ADDED_P99, at_most=True),),
        notes=(
            f"{writes} writes each, in turns, one at a time, on one API server (1.36)",
            f"CPU time of the webhook's process for one answer: {own:.2f} ms",
        ),
    )


def _quantile(times: list[float], share: float) -> float:
    ranked = sorted(times)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))]


def main() -> int:
    """0 when the bar is held."""
    parser = argparse.ArgumentParser(prog="python -m bench.webhook", description=__doc__)
    parser.add_argument("--writes", type=int, default=1_000, help="timed, of each")
    parser.add_argument("--json", type=Path, default=None, help="file to write the report to")
    given = parser.parse_args()
    pid = os.getpid()
    cluster = api.up(Tier.INTEGRATION, name=f"bench-{pid}", owner=identify(pid))
    try:
        define(cluster, ROOT / "crds")
        report = asyncio.run(measure(cluster, given.writes))
    finally:
        api.down(cluster)
    return 0 if show(report, given.json) else 1


if __name__ == "__main__":
    sys.exit(main())
