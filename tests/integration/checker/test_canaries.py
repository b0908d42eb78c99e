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
