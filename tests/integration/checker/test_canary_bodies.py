"""Canaries whose body is a file of a ConfigMap, on the real API server."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from inferencehealth.kube.client import Client
from inferencehealth.kube.config import Access
from inferencehealth.kube.requests import CONFIG_MAPS, REPORTS
from tests.integration.awaiting import until

from .world import MANAGER, Raw, Server, checking, make_pod, make_report, said

EXAMPLE = Path(__file__).parents[3] / "examples/canaries/asr.yaml"


class Transcriber(Server):
    """Answers 200 to a form with a RIFF file in its field "audio", 400 to any other POST."""

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        status = 200
        if head.startswith(b"POST"):
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            body = await reader.readexactly(length)
            form = b'name="audio"; filename="clip.wav"\r\nContent-Type: audio/wav\r\n\r\nRIFF'
            status = 200 if form in body else 400
        writer.write(b"HTTP/1.1 %d Any\r\nContent-Length: 0\r\n\r\n" % status)
        writer.close()
        async with self._news:
            self.asked += head.startswith(b"POST")
            self._news.notify_all()


@pytest.fixture
async def transcriber() -> AsyncIterator[Transcriber]:
    server = Transcriber()
    await server.open(0)
    yield server
    server.close()


def canary(config_map: str, key: str = "clip.wav") -> dict[str, Any]:
    return {
        "canary": {
            "mode": "Custom",
            "path": "/v1/listen",
            "interval": "10s",
            "bodyFrom": {"configMapKeyRef": {"name": config_map, "key": key}},
            "multipart": {"field": "audio", "filename": "clip.wav", "contentType": "audio/wav"},
        }
    }


def _has_findings(raw: Raw) -> bool:
    return bool((raw.get("status", {}).get("health") or {}).get("findings"))


async def test_the_clip_of_the_example_is_sent_and_one_that_is_missing_costs_the_canary_only(
    access: Access, client: Client, namespace: str, transcriber: Transcriber
) -> None:
    clip = next(iter(yaml.safe_load_all(EXAMPLE.read_text(encoding="utf-8"))))
    await client.create(CONFIG_MAPS, clip, namespace=namespace, manager=MANAGER)
    text = {"metadata": {"name": "text"}, "data": {"clip.wav": "no audio"}}
    await client.create(CONFIG_MAPS, text, namespace=namespace, manager=MANAGER)
    asked = {
        "heard": canary("asr-canary"),
        "refused": canary("text"),
        "lost": canary("no-such-map"),
        "keyless": canary("asr-canary", "other.wav"),
    }
    for name, check in asked.items():
        await make_report(client, namespace, name, transcriber.port, **check)
        await make_pod(client, namespace, f"{name}-0", transcriber.host, app=name)
    async with checking(access, namespace):
        await said(client, namespace, "refused", verdict="Broken", reason="CanaryFailed")
        await transcriber.asked_again(2)
        lost = await until(client, REPORTS, namespace, "lost", _has_findings)
        keyless = await until(client, REPORTS, namespace, "keyless", _has_findings)
        heard = await said(client, namespace, "heard", verdict="Ready")
    assert heard["status"]["health"].get("findings", []) == []
    for report, why in (
        (lost, f"ConfigMap no-such-map does not exist in namespace {namespace}"),
        (keyless, 'ConfigMap asr-canary has no key "other.wav"'),
    ):
        assert report["status"]["health"]["verdict"] == "Ready"
        (finding,) = report["status"]["health"]["findings"]
        assert finding["id"] == "CanaryBodyUnreadable"
        assert why in finding["message"]
