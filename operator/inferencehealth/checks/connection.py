"""One connection to a server: sends a request, hears its answer, and lingers, closes or is kept.

`http` opens it and asks over it; `kept` holds it between two checks. It works over TCP and TLS
alike: whoever opened it hands it the transport to write to.
"""

import asyncio
import socket
import ssl
import struct
from collections.abc import Callable
from typing import Final, cast

from inferencehealth.checks.response import Response
from inferencehealth.checks.steps import Outcome
from inferencehealth.checks.tls import what_failed

LINGER: Final = 1.0
"""Seconds a server has to close after its answer, before we reset the connection.

A server that closes first keeps TIME_WAIT on its side; a thousand checks a second would
otherwise hold 60,000 sockets on ours (kubernetes/kubernetes#115143, where a kubelet waits 1 s).
"""

RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
"""Value of SO_LINGER by which closing sends a reset and leaves no TIME_WAIT."""


class Connection(asyncio.Protocol):
    """Carries one exchange at a time.

    Sends its first request as soon as it stands, unless it is to be secured first: then `send`
    does, over the transport of TLS.

    `ended` resolves once an exchange, as soon as its outcome is known; the connection may outlive
    it. `why` tells more about outcome TLS. `on_lost` is called once when an idle connection ends.
    """

    __slots__ = (
        "_lingering",
        "_loop",
        "_message",
        "_secured",
        "_sent",
        "_transport",
        "connected",
        "ended",
        "on_lost",
        "response",
        "why",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        message: bytes,
        max_body: int,
        secured: bool = False,
    ) -> None:
        self._loop = loop
        self._secured = secured
        self._sent = False
        self._transport: asyncio.Transport | None = None
        self._lingering: asyncio.TimerHandle | None = None
        self._message = message
        self.connected = False
        self.ended: asyncio.Future[Outcome] = loop.create_future()
        self.on_lost: Callable[[], None] | None = None
        self.response = Response(max_body)
        self.why = ""

    def send(self, transport: asyncio.Transport) -> None:
        """Sends the request over the transport, and hears the answer from it."""
        self._transport, self._sent = transport, True
        transport.write(self._message)

    def begin(self, *, message: bytes, max_body: int) -> None:
        """Asks again over a connection that is idle."""
        self.ended = self._loop.create_future()
        self.response = Response(max_body)
        self._message, self.on_lost = message, None
        if self._transport is None:
            self._end(Outcome.RESET)
        else:
            self._transport.write(message)

    @property
    def usable(self) -> bool:
        """Whether another request can follow the answer."""
        transport = self._transport
        return transport is not None and not transport.is_closing() and self.response.reusable

    @property
    def raw(self) -> asyncio.Transport | None:
        """The transport below; None before it is connected and after it was lost."""
        return self._transport

    def leave(self) -> None:
        """Lets go of the connection: waits for the server to close it if it answered in full."""
        if self._transport is None:
            return
        ended = self.ended
        if ended.done() and not ended.cancelled() and ended.result() is Outcome.ANSWERED:
            self._lingering = self._loop.call_later(LINGER, self.reset)
        else:
            self.reset()

    def reset(self) -> None:
        """Ends the connection at once."""
        if self._transport is None:
            return
        peer = self._transport.get_extra_info("socket")
        if peer is not None and peer.fileno() >= 0:  # closed already by a failed handshake
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self._transport.abort()

    def _end(self, outcome: Outcome) -> None:
        if self.ended.done():
            return
        self.ended.set_result(outcome)
        if outcome is not Outcome.ANSWERED:
            self.reset()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It stands."""
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self.connected = True
        if not self._secured:
            self.send(self._transport)

    def data_received(self, data: bytes) -> None:
        """More of the answer."""
        if self.ended.done():
            # More than one whole answer, or bytes that nobody asked for: nobody reads on.
            self.reset()
            return
        outcome = self.response.feed(data)
        if outcome is not None:
            self._end(outcome)

    def eof_received(self) -> bool:
        """The server closed its side: so do we."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """It is closed, by whomever."""
        handshaking = self._secured and not self._sent
        self._transport = None
        if not handshaking and not self.ended.done():
            if isinstance(exc, ssl.SSLError) and not self.response.begun:
                # A server that demands a certificate says so only after the handshake (TLS 1.3).
                self.why = what_failed(exc)
                self._end(Outcome.TLS)
            else:
                self._end(self.response.end(clean=exc is None))
        if self._lingering is not None:
            self._lingering.cancel()
        if self.on_lost is not None:
            self.on_lost()
