"""The gRPC transport: one unary call to a server, one answer, as `http` does for HTTP.

It knows no message types: a request's path is the method and its body the encoded message, and
the answer's status is the gRPC code with the response's bytes as body.
"""

import asyncio
import re
import socket
import ssl
import time
from typing import Final

from inferencehealth.checks.channel import Channel
from inferencehealth.checks.connecting import CONNECT_TIMEOUT, not_connected
from inferencehealth.checks.connection import RESET_ON_CLOSE
from inferencehealth.checks.kept import Kept, kept_by
from inferencehealth.checks.steps import Answer, Outcome, Peer, Request, Trust
from inferencehealth.checks.tls import what_failed

_METHOD = re.compile(r"/[!-.0-~]+/[!-.0-~]+\Z")

_UNVERIFIED: Final = (
    "a gRPC server can't be asked without verifying its certificate; "
    "give spec.server.tls.caFrom and serverName"
)


Told = tuple[Outcome, int, bytes]
"""Outcome, code and message of a call."""

Server = tuple[str, Trust | None, int]
"""Target, how it is trusted, and the longest answer: what a channel is opened with."""


def kept_channels() -> Kept[Server, Channel]:
    """The idle channels of the running loop."""
    return kept_by(asyncio.get_running_loop(), "grpc")


def check_request(request: Request) -> None:
    """Raises ValueError for a request that is no gRPC call: a path that is no method, headers."""
    if not _METHOD.match(request.path):
        raise ValueError(f'{request.path!r} is no gRPC method: "/package.Service/Method"')
    if request.headers:
        raise ValueError("a gRPC check sends no headers")


async def ask(peer: Peer, port: int, request: Request, *, timeout: float) -> Answer:  # noqa: ASYNC109
    """What the server at an IP address answers to the call within `timeout` seconds, in all.

    A connection of its own, no proxies, no retries, no name resolution: as for HTTP, and kept
    where the peer says so. A server whose certificate nobody shall verify can't be asked: grpcio
    does not offer that. Raises ValueError only for a request that `check_request` refuses.
    """
    check_request(request)
    started, address = time.monotonic(), peer.address
    ipv6 = ":" in address
    try:
        socket.inet_pton(socket.AF_INET6 if ipv6 else socket.AF_INET, address)
    except (OSError, ValueError):
        return Answer(Outcome.UNREACHABLE)
    if peer.trust is not None and not peer.trust.verified:
        return Answer(Outcome.TLS, why=_UNVERIFIED)
    target = f"ipv6:[{address}]:{port}" if ipv6 else f"ipv4:{address}:{port}"
    kept = kept_channels() if peer.keep_alive else None
    server = target, peer.trust, request.max_body
    idle = kept.take(server) if kept is not None else None
    if idle is not None:
        told = await _over(idle, request, timeout, kept, server)
        if told[0] is not Outcome.RESET:
            return _answer(told, started)
        # It was dead before we asked: that says nothing about the server.
    left = timeout - (time.monotonic() - started)
    outcome, why = await _reach(peer, port, left)
    if outcome is not None:
        return _answer((outcome, 0, b""), started, why)
    fresh = Channel(*server)
    left = timeout - (time.monotonic() - started)
    return _answer(await _over(fresh, request, left, kept, server), started)


def _answer(told: Told, started: float, why: str = "") -> Answer:
    outcome, status, body = told
    return Answer(outcome, status, body, time.monotonic() - started, why=why)


async def _over(
    channel: Channel,
    request: Request,
    timeout: float,  # noqa: ASYNC109
    kept: Kept[Server, Channel] | None,
    server: Server,
) -> Told:
    """A call over the channel, which is then kept or closed."""
    try:
        async with asyncio.timeout(timeout):
            return await channel.call(request, timeout)
    except TimeoutError:
        return Outcome.NO_ANSWER, 0, b""
    finally:
        if kept is not None and channel.usable:
            kept.keep(server, channel)
        else:
            channel.reset()


async def _reach(
    peer: Peer,
    port: int,
    timeout: float,  # noqa: ASYNC109
) -> tuple[Outcome | None, str]:
    """Why the server can't be connected to, with more about it; None if it can be.

    grpcio tells refused, blocked, hung and distrusted apart only in prose; a connection that
    sends nothing does it well.
    """
    transport = None
    try:
        async with asyncio.timeout(timeout):
            transport = await asyncio.wait_for(_connect(peer.address, port), CONNECT_TIMEOUT)
            if peer.trust is not None:
                await _shake_hands(transport, peer.trust)
    except TimeoutError:
        return Outcome.NO_ANSWER if transport else Outcome.CONNECT_TIMEOUT, ""
    except ssl.SSLError as error:
        return Outcome.TLS, what_failed(error)
    except OSError as error:
        return Outcome.RESET if transport else not_connected(error.errno), ""
    finally:
        if transport is not None:
            transport.abort()
    return None, ""


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
