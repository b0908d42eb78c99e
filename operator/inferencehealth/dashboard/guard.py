"""Which requests are answered, and what every answer forbids the browser. Pure.

Listening on loopback keeps other machines out. A foreign web page could still reach the port by a
name of its own that resolves to 127.0.0.1 (DNS rebinding): the Host header tells. And so could
other users of this machine: they lack the token, which is part of every address.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # The token is part of the address, which must not be told to anybody.
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Server": "ihp",
}
"""Headers of every answer."""

_METHODS: Final = frozenset({"GET", "HEAD"})
_NAMES: Final = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not answered."""

    status: HTTPStatus
    message: str


def refusal(method: str, host: str, path: str, *, port: int, token: str) -> Refusal | None:
    """Why a request is refused; None where it is not."""
    if host.lower() not in {f"{name}:{port}" for name in _NAMES}:
        return Refusal(HTTPStatus.MISDIRECTED_REQUEST, "this is not the host that was asked for")
    if method not in _METHODS:
        return Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "this page only reads: GET and HEAD")
    given = path.removeprefix("/").partition("/")[0]
    if not hmac.compare_digest(given.encode(), token.encode()):
        return Refusal(HTTPStatus.FORBIDDEN, "open the whole address that `ihp dashboard` printed")
    return None
