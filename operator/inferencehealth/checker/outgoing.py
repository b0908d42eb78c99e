"""The request of a canary as it leaves: the policy's words, and what they refer to, read by name.

A reference that can't be used says nothing about the server: the canary is not sent, and why is a
finding of its own.
"""

from dataclasses import replace
from typing import Final

from inferencehealth.checker.references import References, UnreadableError
from inferencehealth.checks.steps import Reading, Request, Sign
from inferencehealth.profiles.canary import CanaryRequest

SECRET_UNREADABLE: Final = "CanarySecretUnreadable"  # noqa: S105 - a reason
BODY_UNREADABLE: Final = "CanaryBodyUnreadable"


async def outgoing(
    canary: CanaryRequest, namespace: str, references: References | None
) -> Request | Reading:
    """The request with the body and the headers that are elsewhere, or why there is none."""
    request = await _with_body(canary, namespace, references)
    if not canary.secret or isinstance(request, Reading):
        return request
    if references is None:
        return _unreadable(SECRET_UNREADABLE, "nobody here can read Secrets")
    try:
        headers = await references.headers(namespace, canary.secret)
    except UnreadableError as error:
        return _unreadable(SECRET_UNREADABLE, str(error))
    given = {name.lower() for name, _ in headers}
    own = (header for header in request.headers if header[0].lower() not in given)
    return replace(request, headers=(*own, *headers))


async def _with_body(
    canary: CanaryRequest, namespace: str, references: References | None
) -> Request | Reading:
    if canary.file is None or canary.fill is None:
        return canary.request
    if references is None:
        return _unreadable(BODY_UNREADABLE, "nobody here can read ConfigMaps")
    try:
        return canary.fill(await references.file(namespace, canary.file))
    except UnreadableError as error:
        return _unreadable(BODY_UNREADABLE, str(error))
    except ValueError as error:
        where = f'key "{canary.file.key}" of ConfigMap {canary.file.name} can\'t be sent'
        return _unreadable(BODY_UNREADABLE, f"{where}: {error}")


def _unreadable(reason: str, message: str) -> Reading:
    return Reading(Sign.UNKNOWN, reason, message)
