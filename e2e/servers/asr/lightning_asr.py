"""The lightning-asr worker: silent while its model loads, then healthy and transcribing."""

import wave
from functools import partial
from io import BytesIO

from aiohttp import web

from .settings import MAX_BYTES, Settings

_TRANSCRIPT = {
    "text": "Hello, this is a sample transcription.",
    "confidence": 0.95,
    "duration": 3.2,
    "language": "en",
}


def app(settings: Settings) -> web.Application:
    """The worker as a web application."""
    server = web.Application(client_max_size=MAX_BYTES)
    server.router.add_get("/health", _health)
    server.router.add_post("/transcribe", partial(_transcribe, settings))
    return server


async def _health(_request: web.Request) -> web.StreamResponse:
    return web.json_response({"status": "healthy"})


async def _transcribe(settings: Settings, request: web.Request) -> web.StreamResponse:
    audio = await request.read()
    if settings.transcription_fails:
        return web.json_response({"error": "CUDA error: an illegal memory access"}, status=500)
    return web.json_response({**_TRANSCRIPT, **_measured(audio)})


def _measured(audio: bytes) -> dict[str, float]:
    """The length of a WAV file in seconds; of anything else the sample's stays."""
    try:
        with wave.open(BytesIO(audio)) as clip:
            return {"duration": clip.getnframes() / clip.getframerate()}
    except (wave.Error, EOFError):
        return {}
