"""The lightning-asr worker: silent while its model loads, then healthy and transcribing."""

from functools import partial

from aiohttp import web

from .settings import Settings

_TRANSCRIPT = {
    "text": "Hello, this is a sample transcription.",
    "confidence": 0.95,
    "duration": 3.2,
    "language": "en",
}


def app(settings: Settings) -> web.Application:
    """The worker as a web application."""
    server = web.Application()
    server.router.add_get("/health", _health)
    server.router.add_post("/transcribe", partial(_transcribe, settings))
    return server


async def _health(_request: web.Request) -> web.StreamResponse:
    return web.json_response({"status": "healthy"})


async def _transcribe(settings: Settings, _request: web.Request) -> web.StreamResponse:
    if settings.transcription_fails:
        return web.json_response({"error": "CUDA error: an illegal memory access"}, status=500)
    return web.json_response(_TRANSCRIPT)
