"""The gRPC transport: one unary call to a server, one answer, as `http` does for HTTP.

It knows no message types: a request's path is the method and its body the encoded message, and
the answer's status is the gRPC code with the response's bytes as body. grpcio takes a tenth of a
second and 10 MB to load, so it is loaded by the first call; a checker without gRPC targets never
loads it.
"""

import asyncio
import errno
import re
import socket
import ssl
import time
from typing import Any, Final

from inferencehealth import __version__
from inferencehealth.checks.connection import RESET_ON_CLOSE
from inferencehealth.checks.http import CONNECT_TIMEOUT
from inferencehealth.checks.steps import Answer, Outcome, Peer, Request, Trust
from inferencehealth.checks.tls import what_failed

MAX_METADATA: Final = 16 * 1024
"""Bytes of metadata (HTTP/2 headers and trailers) that are read at most."""

_METHOD = re.compile(r"/[!-.0-~]+/[!-.0-~]+\Z")

_CONNECT_OUTCOMES: Final = {
    errno.ECONNREFUSED: Outcome.REFUSED,
    errno.ECONNRESET: Outcome.RESET,
    errno.ECONNABORTED: Outcome.RESET,
    errno.ETIMEDOUT: Outcome.CONNECT_TIMEOUT,
}

_UNVERIFIED: Final = (
    "a gRPC server can't be asked without verifying its certificate; "
    "give spec.server.tls.caFrom and serverName"
)

_TOO_LARGE = "larger than max"
_HTTP1 = "http1"
"""How grpcio says in its details that a message is too large, and that a server speaks HTTP/1.1;
it has no code of their own for either (grpcio 1.85, pinned by tests)."""


def check_request(request: Request) -> None:
    """Raises ValueError for a request that is no gRPC call: a path that is no method, headers."""
    if not _METHOD.match(request.path):
        raise ValueError(f'{request.path!r} is no gRPC method: "/package.Service/Method"')
    if request.headers:
        raise ValueError("a gRPC check sends no headers")


async def ask(peer: Peer, port: int, request: Request, *, timeout: float) -> Answer:  # noqa: ASYNC109
    """What the server at an IP address answers to the call within `timeout` seconds, in all.

    A connection of its own, no proxies, no retries, no name resolution: as for HTTP. Connections
    are never kept, whatever the peer says, and a certificate that nobody shall verify can't be
    had from grpcio. Raises ValueError only for a request that `check_request` refuses.
    """
    check_request(request)
    started, address = time.monotonic(), peer.address
    ipv6 = ":" in address
    try:
        socket.inet_pton(socket.AF_INET6 if ipv6 else socket.AF_INET, address)
    except (OSError, ValueError):
        return Answer(Outcome.UNREACHABLE)
    if peer.trust is not None and not peer.trust.ca_pem:
        return Answer(Outcome.TLS, why=_UNVERIFIED)
    transport, why = None, ""
    outcome, status, body = Outcome.NO_ANSWER, 0, b""
    try:
        async with asyncio.timeout(timeout):
            # gRPC tells refused, blocked and hung apart only in prose; a connection does it well.
            transport = await asyncio.wait_for(_connect(address, port), CONNECT_TIMEOUT)
            if peer.trust is not None:
                await _shake_hands(transport, peer.trust)
            transport.abort()
            target = f"ipv6:[{address}]:{port}" if ipv6 else f"ipv4:{address}:{port}"
            left = timeout - (time.monotonic() - started)
            outcome, status, body = await _call(target, peer.trust, request, left)
    except TimeoutError:
        outcome = Outcome.NO_ANSWER if transport else Outcome.CONNECT_TIMEOUT
    except ssl.SSLError as error:
        outcome, why = Outcome.TLS, what_failed(error)
    except OSError as error:
        failed = Outcome.RESET if transport else Outcome.UNREACHABLE
        outcome = _CONNECT_OUTCOMES.get(error.errno or 0, failed)
    finally:
        if transport is not None:
            transport.abort()
    return Answer(outcome, status, body, time.monotonic() - started, why=why)


async def _connect(address: str, port: int) -> asyncio.Transport:
    """A connection that leaves no trace when it is aborted; raises OSError where that fails."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(asyncio.Protocol, address, port)
    peer = transport.get_extra_info("socket")
    if peer is not None:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    return transport


async def _shake_hands(transport: asyncio.Transport, trust: Trust) -> None:
    """Whether TLS comes about, which grpcio too tells only in prose; raises ssl.SSLError."""
    loop = asyncio.get_running_loop()
    name = trust.name or str(transport.get_extra_info("peername")[0])
    secured = await loop.start_tls(
        transport, asyncio.Protocol(), trust.context, server_hostname=name
    )
    if secured is not None:
        secured.abort()


async def _call(
    target: str,
    trust: Trust | None,
    request: Request,
    timeout: float,  # noqa: ASYNC109
) -> tuple[Outcome, int, bytes]:
    import grpc  # noqa: PLC0415
    from grpc import aio  # noqa: PLC0415

    options: tuple[tuple[str, Any], ...] = (
        ("grpc.enable_http_proxy", 0),
        ("grpc.enable_retries", 0),
        ("grpc.service_config_disable_resolution", 1),
        # Shared subchannels would share connections, and waits after a failed one, between checks.
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.max_receive_message_length", request.max_body),
        ("grpc.max_metadata_size", MAX_METADATA),
        ("grpc.primary_user_agent", f"inferencehealth/{__version__}"),
    )
    if trust is None:
        opened = aio.insecure_channel(target, options=options)
    else:
        named = (("grpc.ssl_target_name_override", trust.name),) if trust.name else ()
        credentials = grpc.ssl_channel_credentials(trust.ca_pem.encode())
        opened = aio.secure_channel(target, credentials, options=options + named)
    async with opened as channel:
        try:
            body = await channel.unary_unary(request.path)(request.body, timeout=max(timeout, 0.0))
        except aio.AioRpcError as error:
            return _failed(error.code().value[0], error.details() or "")
    return Outcome.ANSWERED, 0, body


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


_DEADLINE_EXCEEDED: Final = 4
_RESOURCE_EXHAUSTED: Final = 8
_UNAVAILABLE: Final = 14
"""Codes of gRPC (grpc/grpc, doc/statuscodes.md)."""
