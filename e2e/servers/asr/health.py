"""What the api-server says about itself, from which of its components answer. Pure.

The documentation gives the bodies for a healthy server and for one without workers. It leaves open
what the other cases look like; chosen here, with the least invention:

- Without a worker the server is unhealthy, and nothing else makes it so: Redis is named optional,
  and the licence has a grace period of 24 hours. `detailed` shows them as unhealthy components of
  a healthy server, with the same status code as the plain check.
- A deployment that keeps its sessions in Redis can take no request without it. HEALTH_NEEDS_REDIS=1
  makes Redis count like the workers there; it is our own option, not a documented one.
- A component's own check answers in the form of the plain one.
"""

from collections.abc import Mapping, Sequence
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


def of_server(up: Mapping[Component, bool], *, needed: Sequence[Component]) -> Reply:
    """The answer of GET /health: that of the first needed component that is down, or healthy."""
    down = next((each for each in needed if not up[each]), needed[0])
    return of_component(down, up=up[down])


def detailed(
    up: Mapping[Component, bool],
    *,
    needed: Sequence[Component],
    uptime_seconds: int,
    version: str,
) -> Reply:
    """The answer of GET /health?detailed=true."""
    whole = of_server(up, needed=needed)
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
