"""Serves the page, its events and what it asks for, to this machine alone."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Handler

from inferencehealth.api.policy import Policy
from inferencehealth.api.report import Report
from inferencehealth.dashboard.board import Board
from inferencehealth.dashboard.guard import HEADERS, refusal
from inferencehealth.dashboard.rows import workload_detail
from inferencehealth.kube.errors import KubeError
from inferencehealth.listening import CannotListen

LOOPBACK: Final = "127.0.0.1"
STATIC: Final = Path(__file__).parent / "static"
"""The page as it is sent: nothing is built, and nothing comes from elsewhere."""
HEARTBEAT: Final = 15.0
"""Seconds after which a silent stream says that it lives; a dead one is noticed by writing."""
PARTING: Final = 0.5
"""Seconds that open streams get when the program ends: they would never end by themselves."""
_TYPES: Final = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}

Recommend = Callable[[Report, Policy], Awaitable[dict[str, Any]]]
"""The recommended probes of a report's workload; raises KubeError."""


@asynccontextmanager
async def page(board: Board, recommend: Recommend, *, port: int, token: str) -> AsyncIterator[str]:
    """Serve it during the block; gives its address. Raises CannotListen."""
    bound: list[int] = []
    app = web.Application(middlewares=[_guarded(bound, token)])
    app.on_response_prepare.append(_add_headers)
    app.add_routes(
        [
            web.get(f"/{token}/events", _events(board), allow_head=False),
            web.get(f"/{token}/workloads/{{key:.+}}", _detail(board)),
            web.get(f"/{token}/recommendations/{{key:.+}}", _recommendation(board, recommend)),
            *_files(token),
        ]
    )
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=PARTING)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, LOOPBACK, port).start()
        except OSError as error:
            raise CannotListen(
                f"cannot listen on {LOOPBACK}:{port}: {error.strerror}; choose another --port"
            ) from error
        bound.append(int(runner.addresses[0][1]))
        yield f"http://{LOOPBACK}:{bound[0]}/{token}/"
    finally:
        await runner.cleanup()


def _guarded(bound: list[int], token: str) -> Any:
    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        host = request.headers.get("Host", "")
        refused = refusal(request.method, host, request.path, port=bound[0], token=token)
        if refused is not None:
            return web.Response(status=refused.status, text=f"{refused.message}\n")
        return await handler(request)

    return guard


async def _add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)


def _files(token: str) -> list[web.RouteDef]:
    found = [path for path in STATIC.iterdir() if path.suffix in _TYPES]
    routes = [web.get(f"/{token}/{path.name}", _file(path)) for path in found]
    return [web.get(f"/{token}/", _file(STATIC / "index.html")), *routes]


def _file(path: Path) -> Handler:
    body, kind = path.read_bytes(), _TYPES[path.suffix]

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=body, content_type=kind, charset="utf-8")

    return answer


def _events(board: Board) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        with board.reader() as reader:
            while True:
                if reader.news.is_set():
                    told = json.dumps(board.news(reader), separators=(",", ":"))
                    await response.write(f"data: {told}\n\n".encode())
                else:
                    await response.write(b":\n\n")
                await _heard(reader.news)

    return answer


async def _heard(news: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(news.wait(), HEARTBEAT)
    except TimeoutError:
        return


def _detail(board: Board) -> Handler:
    async def answer(request: web.Request) -> web.Response:
        known = board.known.get(request.match_info["key"])
        if known is None:
            return _gone()
        return web.json_response(workload_detail(known))

    return answer


def _recommendation(board: Board, recommend: Recommend) -> Handler:
    async def answer(request: web.Request) -> web.Response:
        key = request.match_info["key"]
        known, policy = board.known.get(key), board.policy(key)
        if known is None or policy is None:
            return _gone()
        try:
            return web.json_response(await recommend(known.view.report, policy))
        except KubeError as error:
            return web.json_response({"error": str(error)}, status=HTTPStatus.BAD_GATEWAY)

    return answer


def _gone() -> web.Response:
    return web.json_response({"error": "no policy holds this any more"}, status=404)
