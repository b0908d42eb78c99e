"""How the api-server asks what it depends on: short questions, and no answer means down."""

import asyncio
from collections.abc import Sequence
from urllib.parse import urlsplit

import aiohttp

_REDIS_PORT = 6379
_OK = 200


async def http_up(base_url: str, *, within: float) -> bool:
    """Whether GET `base_url`/health answers 200 `within` seconds."""
    limit = aiohttp.ClientTimeout(total=within)
    try:
        async with (
            aiohttp.ClientSession(timeout=limit) as session,
            session.get(f"{base_url}/health") as response,
        ):
            return response.status == _OK
    except (aiohttp.ClientError, TimeoutError):
        return False


async def any_up(base_urls: Sequence[str], *, within: float) -> bool:
    """Whether at least one of the workers is up; all are asked at once."""
    return any(await asyncio.gather(*(http_up(url, within=within) for url in base_urls)))


async def redis_up(url: str, *, within: float) -> bool:
    """Whether the Redis at `redis://[:password@]host[:port]` answers PING `within` s."""
    try:
        return await asyncio.wait_for(_redis_ping(url), within)
    except (OSError, TimeoutError):
        return False


async def _redis_ping(url: str) -> bool:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or _REDIS_PORT)
    try:
        if parts.password:
            writer.write(_redis_command("AUTH", parts.password))
            await reader.readline()
        writer.write(_redis_command("PING"))
        return await reader.readline() == b"+PONG\r\n"
    finally:
        writer.close()


def _redis_command(*words: str) -> bytes:
    encoded = [word.encode() for word in words]
    bulk = b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)
    return b"*%d\r\n%s" % (len(encoded), bulk)
