"""The webhook's HTTPS server: a body in, an answer out; it decides nothing itself."""

import logging
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from inferencehealth.admission.operations import Operations
from inferencehealth.admission.review import Asked, NotAReview, answer, read

MAX_BODY = 8 * 1024 * 1024
"""Bytes of a review: the object before and after, each at most 3 MiB at the API server."""
MUTATE, ALIVE, READY = "/mutate", "/healthz", "/readyz"

Decide = Callable[[Asked], Operations]

logger = logging.getLogger(__name__)


def application(decide: Decide, is_ready: Callable[[], bool]) -> web.Application:
    """The three paths: reviews, and for the kubelet whether we live and know the policies."""

    async def mutate(request: web.Request) -> web.Response:
        try:
            asked = read(await request.read())
        except NotAReview as error:
            return web.Response(status=400, text=f"{error}\n")
        return web.Response(body=_answered(asked, decide), content_type="application/json")

    async def alive(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def ready(_: web.Request) -> web.Response:
        if is_ready():
            return web.Response(text="ok\n")
        return web.Response(status=503, text="the policies are not known yet\n")

    made = web.Application(client_max_size=MAX_BODY)
    made.router.add_post(MUTATE, mutate)
    made.router.add_get(ALIVE, alive)
    made.router.add_get(READY, ready)
    return made


def _answered(asked: Asked, decide: Decide) -> bytes:
    try:
        operations = decide(asked)
    except Exception:  # the boundary: a slip of ours must not stand in the way of anybody's write
        logger.exception(
            "a write is admitted as it is, because planning failed",
            extra={"namespace": asked.namespace},
        )
        operations = []
    return answer(asked.uid, operations)


@asynccontextmanager
async def serving(
    app: web.Application, tls: ssl.SSLContext, *, host: str, port: int
) -> AsyncIterator[int]:
    """Serve while the block runs; the value is the port, chosen by the system where it is 0."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, ssl_context=tls)
        await site.start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
