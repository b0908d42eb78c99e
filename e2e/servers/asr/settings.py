"""What the three programs read from their environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

API_SERVER_PORT = 7100
LIGHTNING_ASR_PORT = 2269
LICENSE_PROXY_PORT = 3369

MAX_BYTES = 100 * 1024 * 1024  # the documented limit of an audio file


@dataclass(frozen=True)
class Settings:
    """Settings of any of the programs; each uses what concerns it. Times are in seconds."""

    host: str
    port: int
    license_key: str
    lightning_asr_urls: tuple[str, ...]
    license_proxy_url: str
    redis_url: str
    redis_needed: bool
    check_timeout: float
    load_seconds: float
    transcription_fails: bool
    hang_allowed: bool


def from_environment(default_port: int, env: Mapping[str, str] = os.environ) -> Settings:
    """Settings from LIGHTNING_ASR_URL (workers, by comma), LICENSE_PROXY_URL, REDIS_URL and so on.

    HEALTH_NEEDS_REDIS=1: the server keeps its sessions in Redis and is unhealthy without it, too.
    For tests: LOAD_SECONDS makes a worker load before it opens its port, TRANSCRIPTION_FAILS=1
    makes it healthy and useless, ALLOW_HANG=1 opens POST /debug/hang on the api-server.
    """
    workers = env.get("LIGHTNING_ASR_URL", f"http://lightning-asr:{LIGHTNING_ASR_PORT}")
    return Settings(
        host=env.get("HOST", "0.0.0.0"),
        port=int(env.get("PORT", str(default_port))),
        license_key=env.get("LICENSE_KEY", ""),
        lightning_asr_urls=tuple(url.rstrip("/") for url in workers.split(",") if url),
        license_proxy_url=env.get(
            "LICENSE_PROXY_URL", f"http://license-proxy:{LICENSE_PROXY_PORT}"
        ),
        redis_url=env.get("REDIS_URL", "redis://redis:6379"),
        redis_needed=env.get("HEALTH_NEEDS_REDIS") == "1",
        check_timeout=float(env.get("CHECK_TIMEOUT_SECONDS", "1")),
        load_seconds=float(env.get("LOAD_SECONDS", "0")),
        transcription_fails=env.get("TRANSCRIPTION_FAILS") == "1",
        hang_allowed=env.get("ALLOW_HANG") == "1",
    )


def unresolved(settings: Settings) -> str | None:
    """The first address in which Kubernetes left a `$(NAME)` as it was, for want of the variable.

    A container that starts a moment before its Services are known must be started again.
    """
    addresses = (*settings.lightning_asr_urls, settings.license_proxy_url, settings.redis_url)
    return next((address for address in addresses if "$(" in address), None)
