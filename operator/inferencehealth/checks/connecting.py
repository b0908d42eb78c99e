"""What a connection that does not come about means, the same for every transport."""

import errno
from typing import Final

from inferencehealth.checks.steps import Outcome

CONNECT_TIMEOUT: Final = 4.0
"""Seconds for a connection at most, however patient the check is with the answer.

Linux sends its first SYN again after 1 s and 3 s (RFC 6298; net/ipv4/tcp_timer.c): two lost
packets are forgiven, and a network that drops them all does not hold a place for longer.
"""

_OUTCOMES: Final = {
    errno.ECONNREFUSED: Outcome.REFUSED,
    errno.ECONNRESET: Outcome.RESET,
    errno.ECONNABORTED: Outcome.RESET,
    errno.ETIMEDOUT: Outcome.CONNECT_TIMEOUT,
}


def not_connected(number: int | None) -> Outcome:
    """The outcome by the error's number; UNREACHABLE for what says nothing about the server."""
    return _OUTCOMES.get(number or 0, Outcome.UNREACHABLE)
