"""What can go wrong between us and the API server, read from its answers; raised by the client."""

# The types are named by what happened, as the API server's own reasons are.
# ruff: noqa: N818

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


class KubeError(Exception):
    """Any trouble with the API server. The message is a sentence for a person."""


class ConfigError(KubeError):
    """We do not know how to reach a cluster: no, unreadable or incomplete configuration."""


class Unreachable(KubeError):
    """No answer came: refused, timed out, cut off, TLS.

    `sent` tells whether the request may have reached the server, so that a write of unknown
    outcome is told apart from one that never left.
    """

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


@dataclass(frozen=True, slots=True)
class Cause:
    """One entry of `details.causes` in a Status object (metav1.StatusCause)."""

    reason: str
    field: str
    message: str


class ApiError(KubeError):
    """The API server answered with an error.

    `status` is the HTTP status, `reason` the word of metav1.Status ("Forbidden"), `message` its
    sentence, `retry_after` the seconds it asked us to wait, if it did.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        *,
        causes: tuple[Cause, ...] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.causes = causes
        self.retry_after = retry_after


class Unauthorized(ApiError):
    """401: the server does not accept our credentials."""


class Forbidden(ApiError):
    """403: the server knows us and does not let us."""


class NotFound(ApiError):
    """404: no such object, or no such kind of object."""


class Conflict(ApiError):
    """409: it exists already, or it changed meanwhile."""


class Expired(ApiError):
    """410: the resourceVersion or continue token is too old; list again."""


class Invalid(ApiError):
    """422: the object breaks a rule of its schema; `causes` name the fields."""


@dataclass(frozen=True, slots=True)
class FieldConflict:
    """A field that another field manager holds.

    `operation` is how it came to hold it: server-side "Apply", or "Update" by any other write.
    """

    manager: str
    operation: Literal["Apply", "Update"]
    field: str


class ApplyConflict(Conflict):
    """409 to a server-side apply without force: others hold fields that we wanted."""

    def __init__(
        self, status: int, reason: str, message: str, *, conflicts: tuple[FieldConflict, ...]
    ) -> None:
        super().__init__(status, reason, message)
        self.conflicts = conflicts


_TYPES: Mapping[int, type[ApiError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Expired,
    422: Invalid,
}

# k8s.io/apimachinery/pkg/util/managedfields/internal/conflict.go, printManager: the manager as a
# Go-quoted string, then `with subresource`, then (for Update only) `using VERSION at TIME`.
_CONFLICT = re.compile(
    r'^conflict with ("(?:[^"\\]|\\.)*")(?: with subresource "[^"]*")?( using )?'
)

MAX_MESSAGE = 1024
"""Longest answer quoted in a message when it is no Status object (a proxy's page, say)."""


def error_of(status: int, body: bytes, retry_after: str | None = None) -> ApiError:
    """The error that an answer with an HTTP status of 300 or more stands for; never raises."""
    answer = _status_object(body)
    if answer is None:
        text = body[:MAX_MESSAGE].decode("utf-8", "replace").strip()
        answer = {"message": text or f"HTTP {status} without a message"}
    return _build(status, answer, _seconds(retry_after))


def error_of_status(answer: Mapping[str, Any]) -> ApiError:
    """The error in a Status object that came inside a stream (a watch event of type ERROR)."""
    code = answer.get("code")
    return _build(code if isinstance(code, int) else 500, answer, None)


def _build(status: int, answer: Mapping[str, Any], retry_after: float | None) -> ApiError:
    reason = str(answer.get("reason") or "")
    message = str(answer.get("message") or reason or f"HTTP {status}")
    details = answer.get("details")
    details = details if isinstance(details, dict) else {}
    causes = tuple(_cause(c) for c in details.get("causes") or () if isinstance(c, dict))
    conflicts = tuple(filter(None, map(_field_conflict, causes)))
    if status == 409 and conflicts:
        return ApplyConflict(status, reason, message, conflicts=conflicts)
    if retry_after is None:
        retry_after = _seconds(details.get("retryAfterSeconds"))
    kind = _TYPES.get(status, ApiError)
    return kind(status, reason, message, causes=causes, retry_after=retry_after)


def _status_object(body: bytes) -> dict[str, Any] | None:
    try:
        answer = json.loads(body)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) and answer.get("kind") == "Status" else None


def _cause(raw: Mapping[str, Any]) -> Cause:
    return Cause(
        reason=str(raw.get("reason") or ""),
        field=str(raw.get("field") or ""),
        message=str(raw.get("message") or ""),
    )


def _field_conflict(cause: Cause) -> FieldConflict | None:
    if cause.reason != "FieldManagerConflict":
        return None
    found = _CONFLICT.match(cause.message)
    if found is None:
        return FieldConflict(manager=cause.message, operation="Update", field=cause.field)
    return FieldConflict(
        manager=_unquote(found[1]),
        operation="Update" if found[2] else "Apply",
        field=cause.field,
    )


def _unquote(quoted: str) -> str:
    try:
        return str(json.loads(quoted))
    except ValueError:  # Go escapes that JSON does not know, such as \x00
        return quoted[1:-1]


def _seconds(value: object) -> float | None:
    # Retry-After may also be an HTTP date; the API server never sends one, so it counts as absent.
    try:
        seconds = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return seconds if 0 < seconds < float("inf") else None
