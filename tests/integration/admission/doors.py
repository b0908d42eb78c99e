"""Both ways in which probes join a rollout, each on a real API server that knows it."""

import asyncio
import base64
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.cluster.model import Cluster
from inferencehealth.kube.client import Client
from inferencehealth.kube.requests import DEPLOYMENTS, POLICIES, Resource
from tests.integration.objects import container, deployment, policy

SYSTEM = "inferencehealth-system"
WEBHOOK = Path(__file__).parents[3] / "manifests" / "base" / "webhook"
MANIFEST = WEBHOOK / "configuration.yaml"
DEADLINE = 180.0
"""Seconds; generous, because the machine may be busy with other things."""

Raw = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Door:
    """A running way in: "policies" or "webhook", and how to stop what runs behind it."""

    name: str
    cluster: Cluster
    log: Path


@contextmanager
def running(cluster: Cluster, log: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """One of our programs, ended with the block."""
    with log.open("a") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "inferencehealth.cli", *words, "--log-format", "text"],
            stderr=sink,
            env=os.environ | {"KUBECONFIG": str(cluster.kubeconfig)},
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(DEADLINE)


def kubectl(cluster: Cluster, *words: str, stdin: Raw | None = None) -> str:
    """What kubectl prints; fails the test with what it complains about."""
    done = try_kubectl(cluster, *words, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return done.stdout


Done = subprocess.CompletedProcess[str]


def until_kubectl(
    is_so: Callable[[Done], bool], cluster: Cluster, *words: str, stdin: Raw | None = None
) -> None:
    """Return once what kubectl says is so; fails the test with what it said last."""
    end = time.monotonic() + DEADLINE
    while not is_so(done := try_kubectl(cluster, *words, stdin=stdin)):
        if time.monotonic() > end:
            pytest.fail(f"never became so: {done.stdout}{done.stderr}")


def try_kubectl(cluster: Cluster, *words: str, stdin: Raw | None = None) -> Done:
    """What kubectl prints and complains about."""
    return subprocess.run(
        [str(cluster.kubectl), "--kubeconfig", str(cluster.kubeconfig), *words],
        input=yaml.safe_dump(stdin) if stdin else None,
        capture_output=True,
        text=True,
        check=False,
    )


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def configuration(name: str, port: int, bundle: bytes = b"") -> Raw:
    """The webhook configuration of our manifests, for a webhook on this machine."""
    body: Raw = yaml.safe_load(MANIFEST.read_text())
    body["metadata"]["name"] = name
    (webhook,) = body["webhooks"]
    webhook["clientConfig"] = {"url": f"https://127.0.0.1:{port}/mutate"}
    if bundle:
        webhook["clientConfig"]["caBundle"] = base64.b64encode(bundle).decode()
    return body


async def open_for(
    client: Client,
    namespace: str,
    met: Callable[[Raw], bool],
    body: Raw | None = None,
    resource: Resource = DEPLOYMENTS,
) -> None:
    """Return once a write in the namespace is met as expected; nothing is kept of the attempts."""
    tried = body or deployment("attempt")
    async with asyncio.timeout(DEADLINE):
        while not met(await attempt(client, namespace, tried, resource)):
            continue


async def attempt(
    client: Client, namespace: str, body: Raw, resource: Resource = DEPLOYMENTS
) -> Raw:
    """The object as it would be created; nothing is kept."""
    name = body["metadata"]["name"]
    return await client.apply(
        resource, name, body, namespace=namespace, manager="attempt", dry_run=True, force=True
    )


def probed(raw: Raw) -> bool:
    """Whether the server has a liveness probe."""
    return "livenessProbe" in container(raw)


async def with_policy(client: Client, namespace: str, **spec: Any) -> Raw:
    """A policy in mode Initial for a named server, in effect when this returns."""
    body = initial(**spec)
    made = await client.create(POLICIES, body, namespace=namespace, manager="author")
    await open_for(client, namespace, probed)
    return made


def initial(**spec: Any) -> Raw:
    """A policy in mode Initial that names its server, so that new workloads need no look."""
    probes = {"mode": "Initial", **spec.pop("probes", {})}
    kinds = {"kinds": ["Deployment", "StatefulSet"]}
    made = policy(probes=probes, server={"profile": "triton", "port": 8000}, **spec)
    made["spec"]["target"] |= kinds
    return made
