"""Serves a program's numbers and whether it lives and is ready, for Prometheus and the kubelet."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

from aiohttp import web

from inferencehealth.listening import Address, CannotListen

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""The text format's content type (prometheus.io, Exposition formats)."""


@asynccontextmanager
async def serving(
    where: Address,
    *,
    metrics: Callable[[], bytes],
    live: Callable[[], str],
    ready: Callable[[], str],
    more: Iterable[web.AbstractRouteDef] = (),
) -> AsyncIterator[int]:
    """Serve /metrics, /livez and /readyz, and what `more` says, during the block; gives the port.

    `live` and `ready` say what is wrong, "" when nothing is. Raises CannotListen.
    """
    app = web.Application()
    app.add_routes(
        [
            web.get("/metrics", _numbers(metrics)),
            web.get("/livez", _state(live)),
            web.get("/readyz", _state(ready)),
            *more,
        ]
    )
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, where.host or None, where.port).start()
        except OSError as error:
            what = f"{where.host}:{where.port}"
            raise CannotListen(
                f"cannot listen on {what}: {error}; choose another --listen"
            ) from error
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _numbers(metrics: Callable[[], bytes]) -> Handler:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=metrics(), headers={"Content-Type": METRICS_TYPE})

    return answer


def _state(trouble: Callable[[], str]) -> Handler:
    async def answer(_request: web.Request) -> web.Response:
        found = trouble()
        return web.Response(status=503 if found else 200, text=f"{found or 'ok'}\n")

    return answer
