"""The api-server: the face of the stack, which knows its health by asking all the others."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from aiohttp import web

from . import components, health, transcription
from .settings import MAX_BYTES, Settings

VERSION = "1.0.0"

_FOR_EVER = 10 * 365 * 24 * 3600.0  # seconds; no test waits longer

_PATH_OF: dict[health.Component, str] = {
    "lightning_asr": "/health/asr",
    "license_proxy": "/health/license",
    "redis": "/health/redis",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def app(settings: Settings) -> web.Application:
    """The api-server as a web application."""
    server = web.Application(client_max_size=MAX_BYTES)
    server.router.add_get("/health", _health(settings, started=time.monotonic()))
    for component, path in _PATH_OF.items():
        server.router.add_get(path, _component_health(settings, component))
    server.router.add_post("/v1/listen", partial(transcription.listen, settings))
    if settings.hang_allowed:
        server.router.add_post("/debug/hang", _hang)
    return server


def _health(settings: Settings, *, started: float) -> Handler:
    needed: list[health.Component] = ["lightning_asr"]
    needed += ["redis"] if settings.redis_needed else []

    async def handler(request: web.Request) -> web.StreamResponse:
        if request.query.get("detailed") != "true":
            return _response(health.of_server(await _up(settings, needed), needed=needed))
        up = await _up(settings, list(_PATH_OF))
        uptime_seconds = int(time.monotonic() - started)
        return _response(
            health.detailed(up, needed=needed, uptime_seconds=uptime_seconds, version=VERSION),
        )

    return handler


async def _up(
    settings: Settings, asked: Sequence[health.Component]
) -> dict[health.Component, bool]:
    answers = await asyncio.gather(*(_is_up(settings, each) for each in asked))
    return dict(zip(asked, answers, strict=True))


def _component_health(settings: Settings, component: health.Component) -> Handler:
    async def handler(_request: web.Request) -> web.StreamResponse:
        return _response(health.of_component(component, up=await _is_up(settings, component)))

    return handler


async def _is_up(settings: Settings, component: health.Component) -> bool:
    within = settings.check_timeout
    if component == "lightning_asr":
        return await components.any_up(settings.lightning_asr_urls, within=within)
    if component == "license_proxy":
        return await components.http_up(settings.license_proxy_url, within=within)
    return await components.redis_up(settings.redis_url, within=within)


async def _hang(request: web.Request) -> web.StreamResponse:
    """POST /debug/hang[?seconds=N]: answer nobody for N seconds (default: for ever).

    The whole event loop sleeps, as a deadlock would have it: connections are accepted by the
    kernel and nothing comes back, and SIGTERM is not heard either.
    """
    seconds = float(request.query.get("seconds", _FOR_EVER))
    response = web.json_response({"hanging_seconds": seconds}, status=202)
    await response.prepare(request)
    await response.write_eof()
    time.sleep(seconds)  # noqa: ASYNC251 - blocking the loop is the point
    return response


def _response(reply: health.Reply) -> web.Response:
    return web.json_response(reply.body, status=reply.status)
