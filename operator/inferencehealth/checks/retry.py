"""How long a server asks to be left alone: reads Retry-After for `response`. Pure."""

from email.utils import parsedate_to_datetime
from typing import Final

MAX_DIGITS: Final = 9
"""Digits of a number of seconds that is read: 30 years."""


def retry_in(retry_after: bytes, date: bytes) -> float:
    """Seconds until another request is wanted, as RFC 9110 (10.2.3) has it: a number, or a date.

    A date counts from the server's own, in its header Date. 0 where nothing can be read.
    """
    text = retry_after.strip()
    if text.isdigit():
        return float(text) if len(text) <= MAX_DIGITS else 0.0
    try:
        wait = parsedate_to_datetime(text.decode("ascii")) - parsedate_to_datetime(
            date.decode("ascii")
        )
    except (ValueError, TypeError, OverflowError):  # none, or one of them without a zone
        return 0.0
    return max(wait.total_seconds(), 0.0)
