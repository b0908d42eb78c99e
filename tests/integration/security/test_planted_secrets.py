"""Secrets planted wherever one may be, and everything that a run says, searched for them."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from typer.testing import CliRunner

from e2e.cluster.model import Cluster
from inferencehealth.cli.main import app
from inferencehealth.kube.client import Client, whole
from inferencehealth.kube.requests import DEPLOYMENTS, EVENTS, PODS, POLICIES, REPORTS, SECRETS
from tests.integration.admission.doors import free_port
from tests.integration.awaiting import until
from tests.integration.checker.world import Server
from tests.integration.objects import Raw, deployment, policy
from tests.integration.programs import program
from tests.integration.security.stage import kubelet

pytestmark = pytest.mark.integration

PLANTED = "planted-s3cret"
"""Part of each of them."""
KEY = f"Bearer {PLANTED}-of-a-Secret"
PATIENCE = 300.0
"""Seconds for one step; generous, because the machine may be busy with other things."""

COMMANDS = (
    ("status", "--verbose"),
    ("status", "-o", "json"),
    ("diagnose", "deployment/model"),
    ("check", "deployment/model", "--canary"),
    ("lint", "--live"),
    ("recommend", "deployment/model"),
)


@pytest.fixture(scope="module", params=["newest"])
def minor(request: pytest.FixtureRequest) -> str:
    """The newest API server alone."""
    found: str = request.param
    return found


class Talkative(Server):
    """A server that says secrets wherever it can, also what it was told itself."""

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        told = {"detail": f"{PLANTED}-of-a-body", "error": f"{PLANTED}-in-an-error", "echo": head}
        body = json.dumps(told).encode()
        lines = (
            f"HTTP/1.1 {self.status} {PLANTED}-as-a-reason",
            f"Content-Length: {len(body)}",
            f"Set-Cookie: session={PLANTED}-as-a-cookie",
            f"Location: http://{PLANTED}-as-a-host/",
            f'WWW-Authenticate: Basic realm="{PLANTED}-as-a-realm"',
            f"X-{PLANTED}-as-a-name: x",
        )
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        writer.close()
        async with self._news:
            self.asked += 1
            self._news.notify_all()


@pytest.fixture
async def server() -> AsyncIterator[Talkative]:
    made = Talkative()
    await made.open(0)
    yield made
    made.close()


async def planted(client: Client, namespace: str, port: int) -> None:
    """A Secret, a workload with keys in its environment and arguments, and a policy over it."""
    data = {"Authorization": base64.b64encode(KEY.encode()).decode()}
    secret = {"metadata": {"name": "key"}, "data": data}
    await client.create(SECRETS, secret, namespace=namespace, manager="author")
    workload = deployment(
        "model",
        image="registry.example/own-server:1",
        env=[
            {"name": "API_KEY", "value": f"{PLANTED}-of-the-environment"},
            {"name": "DATABASE_URL", "value": f"redis://u:{PLANTED}-of-a-url@redis:6379/0"},
        ],
        args=["--api-key", f"{PLANTED}-of-an-argument"],
    )
    await client.create(DEPLOYMENTS, workload, namespace=namespace, manager="author")
    canary = {
        "mode": "Custom",
        "path": f"/infer?token={PLANTED}-of-a-query",
        "interval": "10s",
        "headersFrom": {"secretRef": {"name": "key"}},
        "body": {"prompt": f"{PLANTED}-of-a-prompt"},
        "expect": {"jsonSchema": {"required": ["never"]}},
    }
    custom = {
        "profile": "custom",
        "port": port,
        "endpoints": {"ready": {"path": "/ready", "loading": {"status": [503]}}},
    }
    body = policy(
        server=custom,
        probes={"mode": "Apply"},
        checks={
            "interval": "1s",
            "timeout": "500ms",
            "failureThreshold": 2,
            "canary": canary,
            "readinessGate": True,
        },
    )
    await client.create(POLICIES, body, namespace=namespace, manager="author")


async def test_planted_secrets_are_found_in_nothing_that_a_run_says(
    cluster: Cluster, client: Client, namespace: str, server: Talkative, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    ports = {name: free_port() for name in ("controller", "checker")}
    where = ("--namespace", namespace, "--system-namespace", namespace, "--verbose")
    said: dict[str, str] = {}
    async with (
        program(
            *("controller", *where, "--listen", f"127.0.0.1:{ports['controller']}"),
            kubeconfig=cluster.kubeconfig,
            log=log,
        ),
        program(
            *("checker", *where, "--listen", f"127.0.0.1:{ports['checker']}"),
            *("--identity", "talkative", "--transport", "direct"),
            kubeconfig=cluster.kubeconfig,
            log=log,
        ),
        kubelet(client, namespace, server.host),
    ):
        await planted(client, namespace, server.port)
        for status, reasons in (
            (200, {"CanaryFailed", "UnexpectedBody"}),
            (401, {"AccessDenied"}),
            (500, {"UnexpectedStatus"}),
            (302, {"UnexpectedStatus"}),
        ):
            server.status = status
            await until(
                client,
                REPORTS,
                namespace,
                "deployment-model",
                lambda raw, reasons=reasons: reason(raw) in reasons,  # type: ignore[misc]
                deadline=PATIENCE,
            )
            if status in {200, 500}:
                said |= await commands(cluster, namespace, str(status))
            said |= await objects(client, namespace, str(status))
            said |= await pages(namespace, ports, str(status))
    said["log"] = log.read_text()
    assert "DEBUG" in said["log"]
    assert len(said["log"]) > 1000
    leaks = {
        where: text[max(0, text.find(PLANTED) - 200) : text.find(PLANTED) + 100]
        for where, text in said.items()
        if PLANTED in text
    }
    assert leaks == {}


def reason(raw: Raw) -> str:
    health = raw.get("status", {}).get("health") or {}
    return str(health.get("reason"))


async def commands(cluster: Cluster, namespace: str, moment: str) -> dict[str, str]:
    """What each command of `ihp` prints and complains about."""
    where = ["-n", namespace, "--kubeconfig", str(cluster.kubeconfig)]
    found = {}
    for words in COMMANDS:
        done = await asyncio.to_thread(CliRunner().invoke, app, [*words, *where])
        assert "Usage:" not in done.output, done.output
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        found[f"{moment}: ihp {' '.join(words)}"] = done.output
    return found


async def objects(client: Client, namespace: str, moment: str) -> dict[str, str]:
    """Status of our objects, conditions of pods, and all Events."""
    found: dict[str, str] = {}
    for resource in (POLICIES, REPORTS, PODS, EVENTS):
        listed = await client.list(resource, project=whole, namespace=namespace)
        said: list[Any] = [
            raw if resource is EVENTS else (raw.get("status"), raw["metadata"])
            for raw in listed.items
        ]
        assert said, resource.kind
        found[f"{moment}: {resource.kind}"] = json.dumps(said)
    return found


async def pages(namespace: str, ports: dict[str, int], moment: str) -> dict[str, str]:
    """What both programs serve."""
    found = {}
    async with aiohttp.ClientSession() as session:
        for name, port in ports.items():
            for page in ("metrics", "livez", "readyz", f"health/{namespace}/p"):
                async with session.get(f"http://127.0.0.1:{port}/{page}") as answer:
                    found[f"{moment}: {name} /{page}"] = await answer.text()
    assert "inferencehealth" in found[f"{moment}: checker /metrics"]
    return found
