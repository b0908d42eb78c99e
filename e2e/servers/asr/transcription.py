"""POST /v1/listen: the request that people really make, passed on by the api-server to a worker."""

import uuid
from collections.abc import Mapping
from json import JSONDecodeError

import aiohttp
from aiohttp import web

from . import components, health
from .settings import Settings

_WORKER_SECONDS = 10.0
_RETRY_AFTER_SECONDS = 30
_OK = 200


async def listen(settings: Settings, request: web.Request) -> web.StreamResponse:
    """Transcribe: 401 without the key, 400 without audio, 503 without workers, as documented."""
    authorization = request.headers.get("Authorization", "")
    if settings.license_key and authorization != f"Token {settings.license_key}":
        return _error(401, "INVALID_LICENSE", "Invalid license key")
    audio = await _audio(request)
    if audio is None:
        return _error(400, "MISSING_PARAMETER", "Missing required parameter: url or audio file")
    for url in settings.lightning_asr_urls:
        if await components.http_up(url, within=settings.check_timeout):
            return await _transcribe(url, audio)
    return _error(
        503, "SERVICE_UNAVAILABLE", health.NO_WORKERS, extra={"retry_after": _RETRY_AFTER_SECONDS}
    )


async def _audio(request: web.Request) -> bytes | None:
    """The audio of the request, empty where it is for a worker to fetch; None: there is none."""
    if request.content_type == "multipart/form-data":
        file = (await request.post()).get("audio")
        return (file.file.read() if isinstance(file, web.FileField) else b"") or None
    try:
        document = await request.json()
    except (JSONDecodeError, UnicodeDecodeError):
        return None
    return b"" if isinstance(document, dict) and document.get("url") else None


async def _transcribe(worker: str, audio: bytes) -> web.Response:
    limit = aiohttp.ClientTimeout(total=_WORKER_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=limit) as session,
            session.post(f"{worker}/transcribe", data=audio) as response,
        ):
            if response.status != _OK:
                return _error(500, "INTERNAL_ERROR", "Transcription failed")
            transcript = await response.json()
    except (aiohttp.ClientError, TimeoutError):
        return _error(500, "INTERNAL_ERROR", "Transcription failed")
    return web.json_response({"request_id": f"req_{uuid.uuid4().hex[:12]}", **transcript})


def _error(
    status: int, code: str, message: str, *, extra: Mapping[str, object] | None = None
) -> web.Response:
    return web.json_response({"error": message, "code": code, **(extra or {})}, status=status)
