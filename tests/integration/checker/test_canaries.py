"""Canaries whose API key lies in a Secret, on the real API server."""

import asyncio
import base64
from collections.abc import AsyncIterator

import pytest

from inferencehealth.kube.client import Client
from inferencehealth.kube.config import Access
from inferencehealth.kube.requests import REPORTS, SECRETS
from tests.integration.awaiting import until

from .world import MANAGER, Raw, Server, checking, make_pod, make_report, said

KEY = "Bearer s3cret-of-the-test"


class Guarded(Server):
    """A server that answers everybody on /ready, and an inference only to who has the key."""

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        allowed = head.startswith(b"GET /ready ") or f"Authorization: {KEY}\r\n".encode() in head
        writer.write(b"HTTP/1.1 %d Any\r\nContent-Length: 0\r\n\r\n" % (200 if allowed else 401))
        writer.close()
        async with self._news:
            if not head.startswith(b"GET /ready "):
                self.asked += 1
                self._news.notify_all()


@pytest.fixture
async def guarded() -> AsyncIterator[Guarded]:
    server = Guarded()
    await server.open(0)
    yield server
    server.close()


def canary(secret: str = "") -> Raw:
    headers = {"headersFrom": {"secretRef": {"name": secret}}} if secret else {}
    asked = {"mode": "Custom", "path": "/infer", "method": "GET", "interval": "10s"}
    return {"canary": asked | headers}


def _has_findings(raw: Raw) -> bool:
    return bool((raw.get("status", {}).get("health") or {}).get("findings"))


async def test_a_canary_gets_its_key_from_a_secret_and_tells_it_nobody(
    access: Access,
    client: Client,
    namespace: str,
    guarded: Guarded,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    data = {"Authorization": base64.b64encode(KEY.encode()).decode()}
    secret = {"metadata": {"name": "api-key"}, "data": data}
    await client.create(SECRETS, secret, namespace=namespace, manager=MANAGER)
    for name, of in (("keyed", "api-key"), ("keyless", ""), ("lost", "no-such-secret")):
        await make_report(client, namespace, name, guarded.port, **canary(of))
        await make_pod(client, namespace, f"{name}-0", guarded.host, app=name)
    async with checking(access, namespace):
        await guarded.asked_again(2)
        denied = await said(client, namespace, "keyless", verdict="Unknown")
        lost = await until(client, REPORTS, namespace, "lost", _has_findings)
        keyed = await said(client, namespace, "keyed", verdict="Ready")
    assert denied["status"]["health"]["reason"] == "CanaryDenied"
    assert "headersFrom" in denied["status"]["health"]["message"]
    assert lost["status"]["health"]["verdict"] == "Ready"
    (finding,) = lost["status"]["health"]["findings"]
    assert finding["id"] == "CanarySecretUnreadable"
    assert f"Secret no-such-secret does not exist in namespace {namespace}" in finding["message"]
    assert keyed["status"]["health"].get("findings", []) == []
    assert "s3cret-of-the-test" not in caplog.text
    assert "s3cret-of-the-test" not in str((denied, lost, keyed))


class Engine(Server):
    """A vLLM whose endpoints are green whatever happens; `inference` is what a canary is answered.

    It counts canaries only.
    """

    inference = 200

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        asks = head.startswith(b"POST /v1/completions ")
        listed = b'{"data": [{"id": "m"}], "choices": [{}]}'
        green = head.startswith((b"GET /health ", b"GET /v1/models "))
        status = self.inference if asks else 200 if green else 404
        writer.write(b"HTTP/1.1 %d Any\r\nContent-Length: %d\r\n\r\n" % (status, len(listed)))
        writer.write(listed)
        writer.close()
        async with self._news:
            self.asked += asks
            self._news.notify_all()


async def test_a_built_canary_writes_nothing_while_all_is_well_and_tells_its_cost_when_it_is_not(
    access: Access, client: Client, namespace: str
) -> None:
    engine = Engine()
    await engine.open(0)
    auto = {"canary": {"mode": "Auto", "interval": "10s"}}
    check: Raw = {"profile": "vllm", "endpoints": None, "models": {"required": [{"name": "m"}]}}
    await make_report(client, namespace, "vllm", engine.port, **check, **auto)
    await make_pod(client, namespace, "vllm-0", engine.host, app="vllm")
    async with checking(access, namespace):
        ready = await said(client, namespace, "vllm", verdict="Ready")
        await engine.asked_again(2)
        later = await client.get(REPORTS, "vllm", namespace=namespace)
        assert later["metadata"]["resourceVersion"] == ready["metadata"]["resourceVersion"]
        engine.inference = 500
        broken = await said(client, namespace, "vllm", verdict="Broken")
    engine.close()
    health = broken["status"]["health"]
    assert health["reason"] == "CanaryFailed"
    assert 'the canary POST /v1/completions for model "m" is answered 500' in health["message"]
    assert health["canary"]["requests"] == ["POST /v1/completions: one token"]
    assert health["canary"]["sent"] >= 3
    assert health["canary"]["failed"] >= 1
