"""Where a program may be asked to listen: an address as its option takes it."""

from dataclasses import dataclass
from urllib.parse import urlsplit


class CannotListen(Exception):  # noqa: N818
    """The address cannot be listened on; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen. An empty host means all addresses, port 0 any that is free."""

    host: str
    port: int


def address(text: str) -> Address:
    """Reads `HOST:PORT`, `[IPV6]:PORT` or `:PORT`; raises ValueError with a sentence otherwise."""
    try:
        parts = urlsplit(f"//{text}")
        port = parts.port
    except ValueError:
        port = None
    if port is None or parts.path or parts.query or parts.fragment or parts.username:
        raise ValueError(f"{text!r} is no address to listen on; write HOST:PORT or :PORT")
    return Address(parts.hostname or "", port)
