"""Asks pods through the API server's proxy, where their own addresses can't be reached.

The other transport beside `checks.transports`, for a checker outside the cluster; `ways` chooses.
The proxy answers in the pod's place where it does not reach it, always by a Status object, so an
answer is read for who gave it before it is taken for the server's.
"""

import asyncio
import json
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from inferencehealth.checks import http
from inferencehealth.checks.response import MAX_PART
from inferencehealth.checks.steps import Answer, Outcome, Part, Peer, Request
from inferencehealth.kube.errors import KubeError, Unreachable
from inferencehealth.kube.requests import PODS
from inferencehealth.kube.requests import Request as KubeRequest
from inferencehealth.kube.transport import Relayed, Transport

AT_A_TIME: Final = 48
"""Requests through the API server at most, below what the wire has connections for: a check that
waits for its turn has not begun, so that its time is the pod's alone."""

_GRPC: Final = "gRPC does not pass the API server's proxy; run the checker inside the cluster"
_UNVERIFIED: Final = (
    "the API server's proxy does not verify the server's certificate; run the checker inside the "
    "cluster, or set spec.server.tls.insecureSkipVerify"
)
_HEADERS: Final = (
    "a header with credentials would be taken for the checker's own by the API server's proxy; "
    "run the checker inside the cluster"
)
_PATH: Final = (
    "the way through the API server's proxy would change the path, which has an escaped slash, an "
    "empty segment or one of dots; run the checker inside the cluster"
)
_NOT_ALLOWED: Final = "the checker may not use the API server's proxy: it needs pods/proxy"
_NOT_CARRIED: Final = "the API server does not pass the request on to the pod"

_CREDENTIALS = re.compile(r"(authorization|impersonate-.*|x-remote-.*)\Z", re.IGNORECASE)

_SENT_TO_POD: Final = "error trying to reach service: "
"""How the API server begins to say that the pod did not answer it (k8s.io/apimachinery,
pkg/util/proxy/transport.go, RoundTrip); what follows is Go's own wording of the cause."""

_CAUSES: Final = (
    ("connection refused", Outcome.REFUSED),
    ("no route to host", Outcome.UNREACHABLE),
    ("network is unreachable", Outcome.UNREACHABLE),
    ("server gave HTTP response to HTTPS client", Outcome.TLS),
    ("first record does not look like a TLS handshake", Outcome.TLS),
    ("tls: ", Outcome.TLS),
    ("malformed HTTP", Outcome.MALFORMED),
    ("connection reset by peer", Outcome.RESET),
    ("broken pipe", Outcome.RESET),
    ("EOF", Outcome.RESET),
)
_DIAL: Final = "dial tcp"


def unfit(peer: Peer, request: Request) -> Answer | None:
    """The answer for a request that can't go through the proxy, with the reason; else None."""
    if request.grpc:
        return Answer(Outcome.UNREACHABLE, why=_GRPC)
    if peer.trust is not None and peer.trust.verified:
        return Answer(Outcome.TLS, why=_UNVERIFIED)
    if any(_CREDENTIALS.match(name) for name, _ in request.headers):
        return Answer(Outcome.UNREACHABLE, why=_HEADERS)
    if _would_change(request.path.partition("?")[0]):
        return Answer(Outcome.UNREACHABLE, why=_PATH)
    return None


def _would_change(path: str) -> bool:
    """Whether somebody on the way would fold the path: with dots even out of the pod's own proxy,
    to another object of the API server, under the checker's credentials.
    """
    lower = path.lower()
    if "%2f" in lower or "%5c" in lower or "\\" in lower or "#" in lower:
        return True
    segments = lower.replace("%2e", ".").split("/")[1:]
    return any(segment in {".", ".."} for segment in segments) or "" in segments[:-1]


def through_proxy(peer: Peer, port: int, request: Request) -> KubeRequest:
    """The request to the API server that has it ask the pod.

    Raises ValueError for a request that could say something else on the wire.
    """
    http.prepare(request)
    scheme = "https:" if peer.trust is not None else ""
    pod = PODS.path(namespace=peer.namespace, name=peer.pod)
    folder, _, name = pod.rpartition("/")
    return KubeRequest(
        request.method,
        f"{folder}/{scheme}{name}:{port}/proxy{request.path}",
        body=request.body or None,
        repeatable=False,
        headers=request.headers,
    )


def read(relayed: Relayed, max_body: int) -> Answer:
    """The answer as the pod gave it, or what the API server says of why it gave none."""
    status = _status_object(relayed)
    if status is not None:
        return _not_reached(relayed.status, str(status.get("message") or ""))
    if len(relayed.body) > max_body:
        return Answer(Outcome.TOO_LARGE, part=Part(relayed.status, relayed.body[:MAX_PART]))
    return Answer(Outcome.ANSWERED, relayed.status, relayed.body, retry_after=relayed.retry_after)


class PodProxy:
    """A transport (`rounds.Ask`) over a wire to the API server that is used for nothing else."""

    def __init__(self, wire: Transport) -> None:
        self._wire = wire
        self._places = asyncio.Semaphore(AT_A_TIME)

    async def ask(self, peer: Peer, port: int, request: Request, *, timeout: float) -> Answer:  # noqa: ASYNC109
        """What the server of the peer's pod answers within `timeout` seconds."""
        impossible = unfit(peer, request)
        if impossible is not None:
            return impossible
        passed_on = through_proxy(peer, port, request)
        async with self._places:
            started = time.monotonic()
            answer = await self._relay(passed_on, timeout, request.max_body)
        seconds = time.monotonic() - started
        return replace(answer, seconds=seconds)

    async def _relay(self, request: KubeRequest, timeout: float, max_body: int) -> Answer:  # noqa: ASYNC109
        try:
            return read(
                await self._wire.relay(request, timeout=timeout, max_body=max_body), max_body
            )
        except Unreachable as error:
            # The API server took the request: it is the pod that it waits for.
            late = error.sent and isinstance(error.__cause__, TimeoutError)
            return Answer(Outcome.NO_ANSWER if late else Outcome.UNREACHABLE, why=_why(late=late))
        except KubeError:
            return Answer(Outcome.UNREACHABLE, why=_NOT_CARRIED)


def _why(*, late: bool) -> str:
    return "" if late else "the API server does not answer"


def _status_object(relayed: Relayed) -> Mapping[str, Any] | None:
    """The failure that the API server itself tells; None for what a pod answered."""
    if relayed.status < 400 or not relayed.body.startswith(b"{"):
        return None
    try:
        told = json.loads(relayed.body)
    except (ValueError, RecursionError):
        return None
    is_status = isinstance(told, dict) and told.get("kind") == "Status"
    return told if is_status and told.get("apiVersion") == "v1" else None


def _not_reached(status: int, message: str) -> Answer:
    if status in {401, 403}:
        return Answer(Outcome.UNREACHABLE, why=_NOT_ALLOWED)
    if not message.startswith(_SENT_TO_POD):
        return Answer(Outcome.UNREACHABLE, why=_NOT_CARRIED)
    cause = message.removeprefix(_SENT_TO_POD)
    for words, outcome in _CAUSES:
        if words in cause:
            return Answer(outcome)
    if "timeout" in cause or "deadline exceeded" in cause:
        return Answer(Outcome.CONNECT_TIMEOUT if _DIAL in cause else Outcome.NO_ANSWER)
    return Answer(Outcome.UNREACHABLE, why=_NOT_CARRIED)
