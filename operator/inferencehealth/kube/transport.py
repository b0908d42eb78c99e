"""The wire to the API server: one pooled session, retries, credentials; carries Request values."""

import asyncio
import json
import logging
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import aiohttp
from yarl import URL

from inferencehealth import __version__
from inferencehealth.kube.config import Access
from inferencehealth.kube.errors import KubeError, Unreachable, error_of
from inferencehealth.kube.requests import JSON, JsonObject, Request
from inferencehealth.kube.retries import Limits, next_delay

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT: Final = 5.0
"""Seconds for TCP and TLS; a live API server accepts in milliseconds."""
MAX_CONNECTIONS: Final = 64
"""Far more than we ask at a time; bounds what a stampede of ours can do to the server."""
USER_AGENT: Final = f"inferencehealth/{__version__}"


@asynccontextmanager
async def open_transport(access: Access) -> AsyncIterator["Transport"]:
    """A transport for as long as the block runs; nothing is asked of the server yet."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS),
        trust_env=False,
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:
        yield Transport(access, session)


@dataclass(frozen=True, slots=True)
class Relayed:
    """What came back through the API server; a body longer than asked for is cut behind that."""

    status: int
    body: bytes
    retry_after: bool


class Transport:
    """Sends requests to one cluster; raises what `errors` has, and nothing else."""

    def __init__(self, access: Access, session: aiohttp.ClientSession) -> None:
        self._access = access
        self._session = session
        self.server_time: datetime | None = None
        """What the server's clock said in its latest answer, in whole seconds."""
        self._target: dict[str, Any] = {"ssl": access.tls if access.tls is not None else True}
        if access.proxy:
            self._target["proxy"] = access.proxy
        if access.tls_server_name:
            self._target["server_hostname"] = access.tls_server_name

    async def send(
        self, request: Request, limits: Limits, *, before: Callable[[], None] | None = None
    ) -> JsonObject:
        """The JSON object that the server answers; sent again as `retries` allows.

        `before` is called each time.
        """
        started, attempt = time.monotonic(), 0
        while True:
            if before:
                before()
            try:
                return await self._attempt(request, limits.attempt)
            except KubeError as error:
                delay = next_delay(
                    error,
                    request,
                    limits,
                    attempt=attempt,
                    elapsed=time.monotonic() - started,
                    chance=random.random(),  # noqa: S311
                )
                if delay is None:
                    raise
                logger.debug(
                    "%s %s: %s; again in %.1f s", request.method, request.path, error, delay
                )
            await asyncio.sleep(delay)
            attempt += 1

    async def stream(self, request: Request, *, silence: float) -> AsyncGenerator[bytes, None]:
        """The body of the answer, as it comes; never sent again by itself.

        An empty chunk comes first, as soon as the server has agreed, which may be long before its
        first byte. Ends when the server ends it; raises Unreachable after `silence` seconds
        without a byte.
        """
        patience = aiohttp.ClientTimeout(sock_connect=CONNECT_TIMEOUT, sock_read=silence)
        async with self._exchange(request, patience) as response:
            if response.status >= 300:
                body = await response.read()
                raise error_of(response.status, body, response.headers.get("Retry-After"))
            yield b""
            async for chunk in response.content.iter_any():
                yield chunk

    async def relay(self, request: Request, *, timeout: float, max_body: int) -> Relayed:  # noqa: ASYNC109
        """The answer to a request that the server passes on, whatever its status; sent once.

        The request's path may have a query of its own. Raises Unreachable; its cause is a
        TimeoutError when `timeout` seconds, connecting included, were not enough.
        """
        patience = aiohttp.ClientTimeout(total=timeout, sock_connect=CONNECT_TIMEOUT)
        body = bytearray()
        async with self._exchange(request, patience) as response:
            async for chunk in response.content.iter_any():
                body += chunk[: max_body + 1 - len(body)]
                if len(body) > max_body:
                    response.close()
                    break
        return Relayed(response.status, bytes(body), "Retry-After" in response.headers)

    async def _attempt(self, request: Request, seconds: float) -> JsonObject:
        patience = aiohttp.ClientTimeout(total=seconds, sock_connect=CONNECT_TIMEOUT)
        async with self._exchange(request, patience) as response:
            body = await response.read()
        if response.status >= 300:
            raise error_of(response.status, body, response.headers.get("Retry-After"))
        try:
            answer = json.loads(body)
        except ValueError as error:
            raise self._unreachable("its answer is cut off or no JSON", sent=True) from error
        if not isinstance(answer, dict):
            raise self._unreachable("its answer is no JSON object", sent=True)
        return answer

    @asynccontextmanager
    async def _exchange(
        self, request: Request, patience: aiohttp.ClientTimeout
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One request on the wire, once more with renewed credentials after a 401."""
        try:
            response = await self._open(request, patience, renew=False)
            if response.status == 401:
                response.close()
                response = await self._open(request, patience, renew=True)
            async with response:
                yield response
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise self._unreachable(_cause(error), sent=False) from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self._unreachable(_cause(error), sent=True) from error

    async def _open(
        self, request: Request, patience: aiohttp.ClientTimeout, *, renew: bool
    ) -> aiohttp.ClientResponse:
        headers = {
            **dict(request.headers),
            "Accept": JSON,
            "Accept-Encoding": "identity",
            "User-Agent": USER_AGENT,
            **await self._access.credentials(renew=renew),
        }
        if request.content_type:
            headers["Content-Type"] = request.content_type
        url = URL(self._access.server + request.path, encoded=True)
        response = await self._session.request(
            request.method,
            url.with_query(request.query) if request.query else url,
            data=request.body,
            headers=headers,
            timeout=patience,
            allow_redirects=False,
            **self._target,
        )
        self.server_time = _date(response.headers.get("Date")) or self.server_time
        return response

    def _unreachable(self, cause: str, *, sent: bool) -> Unreachable:
        where = f"{self._access.server} ({self._access.source})"
        return Unreachable(f"the API server {where} does not answer: {cause}", sent=sent)


def _date(header: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(header).astimezone(UTC) if header else None
    except ValueError:
        return None


def _cause(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"its certificate is not trusted ({error.certificate_error}); check the CA"
    if isinstance(error, TimeoutError):
        return "timed out"
    return str(error) or type(error).__name__
