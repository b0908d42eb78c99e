"""When a failed request is sent again, and after how long; asked by the client and the informer."""

from dataclasses import dataclass
from typing import Final

from inferencehealth.kube.errors import ApiError, KubeError, Unreachable
from inferencehealth.kube.requests import Request

FIRST_DELAY: Final = 0.2
"""Seconds before the first repetition: longer than a hiccup of a busy server."""
MAX_RETRY_AFTER: Final = 30.0
"""Seconds; whatever a server asks for, we look again after this long."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How patient a request is: seconds per attempt, and seconds in which a further one starts."""

    attempt: float = 15.0
    retry_for: float = 30.0


ONE_SHOT: Final = Limits(attempt=5.0, retry_for=0.0)
"""For what is repeated soon anyway."""


def backoff(attempt: int, *, cap: float, chance: float) -> float:
    """Seconds to wait after the given failed attempt (0, 1, …): doubling to `cap`, jittered.

    `chance` in [0, 1) spreads the wait over half to all of it, so that many clients of a server
    that comes back do not all arrive at once.
    """
    full = min(cap, FIRST_DELAY * 2.0 ** min(attempt, 32))
    return full * (0.5 + chance / 2)


def next_delay(
    error: KubeError,
    request: Request,
    limits: Limits,
    *,
    attempt: int,
    elapsed: float,
    chance: float,
) -> float | None:
    """Seconds until the request is sent again; None when the error is final.

    A request that the server turned away unread (429) or that never left can always be repeated;
    one of unknown outcome only when repeating it changes nothing.
    """
    if not _may_repeat(error, request):
        return None
    delay = backoff(attempt, cap=5.0, chance=chance)
    if isinstance(error, ApiError) and error.retry_after is not None:
        delay = max(delay, min(error.retry_after, MAX_RETRY_AFTER))
    return delay if elapsed + delay < limits.retry_for else None


def _may_repeat(error: KubeError, request: Request) -> bool:
    if isinstance(error, Unreachable):
        return request.repeatable or not error.sent
    if isinstance(error, ApiError):
        return error.status == 429 or (error.status >= 500 and request.repeatable)
    return False
