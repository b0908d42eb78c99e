"""An API server that misbehaves to order: it gives scripted answers, and remembers the requests."""

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from inferencehealth.kube.config import Access

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


class FakeApiServer:
    """Requests beyond the script wait until the test is over, as a quiet watch does."""

    def __init__(self) -> None:
        self.script: deque[Answer] = deque()
        self.asked: list[Asked] = []
        self.arrived = asyncio.Condition()
        self.over = asyncio.Event()
        self.url = ""

    @property
    def access(self) -> Access:
        return Access(server=self.url, source="the test", credentials=anonymous)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.asked.append(
            Asked(
                request.method,
                request.path,
                dict(request.query),
                dict(request.headers),
                json.loads(body) if body else None,
            )
        )
        async with self.arrived:
            self.arrived.notify_all()
        if self.script:
            return await self.script.popleft()(request)
        await self.over.wait()
        return web.Response(status=503)

    async def requests(self, count: int) -> list[Asked]:
        """The requests, as soon as there are that many."""
        async with asyncio.timeout(10), self.arrived:
            await self.arrived.wait_for(lambda: len(self.asked) >= count)
        return self.asked


async def anonymous(*, renew: bool = False) -> dict[str, str]:
    return {}


def answer(body: object, code: int = 200, **headers: str) -> Answer:
    async def give(request: web.Request) -> web.StreamResponse:
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(
            status=code, text=text, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )

    return give


def failure(code: int, reason: str = "", message: str = "no", **headers: str) -> Answer:
    return answer(status(code, reason, message), code, **headers)


def status(code: int, reason: str = "", message: str = "no") -> dict[str, Any]:
    return {"kind": "Status", "code": code, "reason": reason, "message": message}


def page(*items: dict[str, Any], version: str = "100", then: str = "") -> Answer:
    return answer(
        {"items": list(items), "metadata": {"resourceVersion": version, "continue": then}}
    )


def cut(request: web.Request) -> None:
    assert request.transport is not None
    request.transport.abort()


async def cut_off(request: web.Request) -> web.StreamResponse:
    cut(request)
    return web.Response()


def stream(*chunks: object, cut_after: bool = False, wait: asyncio.Event | None = None) -> Answer:
    """A watch: events as objects, anything else as it is; then the end, a cut, or silence."""

    async def give(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        for chunk in chunks:
            raw = chunk if isinstance(chunk, bytes) else json.dumps(chunk).encode() + b"\n"
            await response.write(raw)
        if wait is not None:
            await wait.wait()
        if cut_after:
            cut(request)
        return response

    return give


def thing(name: str, *, uid: str = "", version: str = "1", value: object = 1) -> dict[str, Any]:
    return {
        "metadata": {
            "namespace": "ml",
            "name": name,
            "uid": uid or f"uid-{name}",
            "resourceVersion": version,
        },
        "value": value,
    }


def event(kind: str, obj: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "object": obj}


def bookmark(version: str) -> dict[str, Any]:
    return event("BOOKMARK", {"metadata": {"resourceVersion": version}})
