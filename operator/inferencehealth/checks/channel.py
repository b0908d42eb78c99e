"""One gRPC channel to a server: a call over it, and what it came to. The only user of grpcio.

grpcio takes a tenth of a second and 10 MB to load, so it is loaded by the first call; a checker
without gRPC targets never loads it.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from inferencehealth import __version__
from inferencehealth.checks.steps import Outcome, Request, Trust

MAX_METADATA: Final = 16 * 1024
"""Bytes of metadata (HTTP/2 headers and trailers) that are read at most."""

_TOO_LARGE: Final = "larger than max"
_HTTP1: Final = "http1"
"""How grpcio says in its details that a message is too large, and that a server speaks HTTP/1.1;
it has no code of their own for either (grpcio 1.85, pinned by tests)."""

_DEADLINE_EXCEEDED: Final = 4
_RESOURCE_EXHAUSTED: Final = 8
_UNAVAILABLE: Final = 14
"""Codes of gRPC (grpc/grpc, doc/statuscodes.md)."""

_closing: set[asyncio.Task[None]] = set()
"""Channels being closed: the loop itself keeps no strong reference to a task."""


class Channel:
    """A channel of its own, which shares nothing with others; connects when it is first used.

    `usable` after a call that was answered: the connection can be kept for another.
    """

    def __init__(self, target: str, trust: Trust | None, max_body: int) -> None:
        import grpc  # noqa: PLC0415
        from grpc import aio  # noqa: PLC0415

        options: tuple[tuple[str, Any], ...] = (
            ("grpc.enable_http_proxy", 0),
            ("grpc.enable_retries", 0),
            ("grpc.service_config_disable_resolution", 1),
            # Shared subchannels would share connections, and waits after a failed one.
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.max_receive_message_length", max_body),
            ("grpc.max_metadata_size", MAX_METADATA),
            ("grpc.primary_user_agent", f"inferencehealth/{__version__}"),
        )
        if trust is None:
            self._channel = aio.insecure_channel(target, options=options)
        else:
            named = (("grpc.ssl_target_name_override", trust.name),) if trust.name else ()
            credentials = grpc.ssl_channel_credentials(trust.ca_pem.encode() or None)
            self._channel = aio.secure_channel(target, credentials, options=options + named)
        self.usable = False
        self.on_lost: Callable[[], None] | None = None

    async def call(
        self,
        request: Request,
        timeout: float,  # noqa: ASYNC109
    ) -> tuple[Outcome, int, bytes]:
        """Outcome, code and message of a unary call."""
        from grpc import aio  # noqa: PLC0415

        self.usable = False
        method = self._channel.unary_unary(request.path)
        try:
            body = await method(request.body, timeout=max(timeout, 0.0))
        except aio.AioRpcError as error:
            told = _failed(error.code().value[0], error.details() or "")
        else:
            told = Outcome.ANSWERED, 0, body
        self.usable = told[0] is Outcome.ANSWERED
        return told

    def reset(self) -> None:
        """Closes the channel, without waiting for it."""
        task = asyncio.ensure_future(self._channel.close(None))
        _closing.add(task)
        task.add_done_callback(_closing.discard)


def _failed(code: int, details: str) -> tuple[Outcome, int, bytes]:
    """What a call that did not succeed says; most codes are answers of the server like any other.

    UNAVAILABLE is what grpcio makes of a connection that broke, since it could be connected to.
    """
    if code == _DEADLINE_EXCEEDED:
        return Outcome.NO_ANSWER, 0, b""
    if code == _RESOURCE_EXHAUSTED and _TOO_LARGE in details:
        return Outcome.TOO_LARGE, 0, b""
    if code == _UNAVAILABLE:
        return (Outcome.MALFORMED if _HTTP1 in details else Outcome.RESET), 0, b""
    return Outcome.ANSWERED, code, b""
