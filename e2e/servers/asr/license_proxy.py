"""The license-proxy: answers for a licence that is valid."""

from aiohttp import web

from .settings import Settings

_HEALTH = {
    "status": "healthy",
    "license_valid": True,
    "valid_until": "2099-12-31T23:59:59Z",
    "grace_period_active": False,
}


def app(_settings: Settings) -> web.Application:
    """The licence proxy as a web application."""
    server = web.Application()
    server.router.add_get("/health", _health)
    return server


async def _health(_request: web.Request) -> web.StreamResponse:
    return web.json_response(_HEALTH)
