"""What the api-server says about itself, from which of its components answer. Pure.

The documentation gives the bodies for a healthy server and for one without workers. It leaves open
what the other cases look like; chosen here, with the least invention:

- Without a worker the server is unhealthy, and nothing else makes it so: Redis is named optional,
  and the licence has a grace period of 24 hours. `detailed` shows them as unhealthy components of
  a healthy server, with the same status code as the plain check.
- A component's own check answers in the form of the plain one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Component = Literal["lightning_asr", "license_proxy", "redis"]

NO_WORKERS = "No ASR workers available"

_REASONS: Mapping[Component, str] = {
    "lightning_asr": NO_WORKERS,
    "license_proxy": "License proxy unreachable",
    "redis": "Redis connection failed",
}
_OK, _SERVICE_UNAVAILABLE = 200, 503


@dataclass(frozen=True)
class Reply:
    """An HTTP status code and the JSON body that goes with it."""

    status: int
    body: Mapping[str, object]


def of_component(component: Component, *, up: bool) -> Reply:
    """The answer about one component; about the workers, it is that of the whole server."""
    if up:
        return Reply(_OK, {"status": "healthy"})
    return Reply(_SERVICE_UNAVAILABLE, {"status": "unhealthy", "reason": _REASONS[component]})


def of_server(*, workers_up: bool) -> Reply:
    """The answer of GET /health."""
    return of_component("lightning_asr", up=workers_up)


def detailed(up: Mapping[Component, bool], *, uptime_seconds: int, version: str) -> Reply:
    """The answer of GET /health?detailed=true."""
    whole = of_server(workers_up=up["lightning_asr"])
    components = {"api_server": "healthy"} | {name: _word(up[name]) for name in _REASONS}
    body = {
        **whole.body,
        "components": components,
        "uptime_seconds": uptime_seconds,
        "version": version,
    }
    return Reply(whole.status, body)


def _word(up: bool) -> str:  # noqa: FBT001
    return "healthy" if up else "unhealthy"
