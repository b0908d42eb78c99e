"""A canary's request as it leaves: with what it refers to, or with the reason why it stays."""

import asyncio
import base64
from typing import Any

import pytest

from inferencehealth.api.bodies import MAX_CANARY_FILE
from inferencehealth.checker.canary import CanaryState
from inferencehealth.checker.outgoing import outgoing
from inferencehealth.checker.references import References
from inferencehealth.checker.turns import canary_findings
from inferencehealth.checks import transports
from inferencehealth.checks.steps import Outcome, Peer, Reading, Request, Sign
from inferencehealth.kube.errors import Forbidden, NotFound
from inferencehealth.kube.requests import Resource
from inferencehealth.profiles.canary import CanaryRequest, canary_of

from .values import spec

CLIP = {"configMapKeyRef": {"name": "clips", "key": "hello.wav"}}
KEY = {"headersFrom": {"secretRef": {"name": "key"}}}


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def canary(**changes: Any) -> CanaryRequest:
    fields = {"mode": "Custom", "path": "/v1/listen", "bodyFrom": CLIP, **changes}
    found = canary_of(spec(canary=fields))
    assert found is not None
    return found


async def sent(asked: CanaryRequest, **objects: Any) -> Request | Reading:
    async def get(resource: Resource, name: str, **_: Any) -> dict[str, Any]:
        found: dict[str, Any] | Exception = objects[resource.plural]
        if isinstance(found, Exception):
            raise found
        return found

    return await outgoing(asked, "ml", References(get))


async def test_the_file_of_a_config_map_is_the_body() -> None:
    clip = {"binaryData": {"hello.wav": encoded(b"RIFF\xff")}}
    request = await sent(canary(contentType="audio/wav"), configmaps=clip)
    assert isinstance(request, Request)
    assert request.body == b"RIFF\xff"
    assert request.headers == (("Content-Type", "audio/wav"),)


async def test_body_and_headers_may_both_be_elsewhere() -> None:
    request = await sent(
        canary(multipart={"field": "audio"}, **KEY),
        configmaps={"data": {"hello.wav": "a"}},
        secrets={"data": {"Authorization": encoded(b"Token s3cret")}},
    )
    assert isinstance(request, Request)
    (kind, form), key = request.headers
    assert (kind, form.partition(";")[0]) == ("Content-Type", "multipart/form-data")
    assert key == ("Authorization", "Token s3cret")


@pytest.mark.parametrize(
    ("changes", "found", "said"),
    [
        ({}, NotFound(404, "NotFound", "no"), "ConfigMap clips does not exist"),
        ({}, Forbidden(403, "Forbidden", "no"), "verb get on configmaps"),
        ({}, {"data": {}}, 'has no key "hello.wav"'),
        (
            {"contentType": "application/json"},
            {"data": {"hello.wav": "{"}},
            'key "hello.wav" of ConfigMap clips can\'t be sent: it is no JSON',
        ),
    ],
)
async def test_a_file_that_can_not_be_used_is_a_finding_and_held_against_nobody(
    changes: dict[str, Any], found: Any, said: str
) -> None:
    why = await sent(canary(**changes), configmaps=found)
    assert isinstance(why, Reading)
    assert (why.sign, why.reason) == (Sign.UNKNOWN, "CanaryBodyUnreadable")
    (finding,) = canary_findings([CanaryState(due=0, unasked=why)])
    assert (finding.id, finding.severity) == ("CanaryBodyUnreadable", "warning")
    assert said in finding.message


async def test_who_can_read_nothing_says_so() -> None:
    why = await outgoing(canary(), "ml", None)
    assert isinstance(why, Reading)
    assert why.reason == "CanaryBodyUnreadable"


async def test_the_largest_file_arrives_whole() -> None:
    data = bytes(range(256)) * (MAX_CANARY_FILE // 256)
    request = await sent(canary(), configmaps={"binaryData": {"hello.wav": encoded(data)}})
    assert isinstance(request, Request)
    arrived = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        arrived.set_result((head, await reader.readexactly(len(data))))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    answer = await transports.ask(Peer("127.0.0.1"), port, request, timeout=30)
    server.close()
    assert answer.outcome is Outcome.ANSWERED
    head, body = await arrived
    assert f"Content-Length: {MAX_CANARY_FILE}\r\n".encode() in head
    assert body == data
