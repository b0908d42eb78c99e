"""Durations as Kubernetes users write them ("10m", "1.5s", "250ms"), as float seconds in Python."""

import re
from typing import Annotated, Final

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

PATTERN: Final = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"
MAX_LENGTH: Final = 32  # "1h30m15.25s" is long already; bounds the work of the pattern and of CEL

_WHOLE = re.compile(PATTERN)
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_duration(text: object) -> float:
    """Seconds of a duration such as "1h30m" or "250ms"; a number is taken as seconds already.

    Raises ValueError with the accepted form when the text is none.
    """
    if isinstance(text, int | float) and not isinstance(text, bool):
        return float(text)
    if not isinstance(text, str) or len(text) > MAX_LENGTH or not _WHOLE.match(text):
        raise ValueError(f'{text!r} is no duration; write it like "10m", "1.5s" or "250ms"')
    return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))


def format_duration(seconds: float) -> str:
    """The shortest exact spelling, to the millisecond: "10m" of 600, "1h30m", "1.5s"."""
    milliseconds = round(seconds * 1000)
    if milliseconds <= 0:
        return "0s"
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{hours}h" if hours else "", f"{minutes}m" if minutes else ""]
    return "".join(parts) + (f"{rest / 1000:g}s" if rest else "")


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": PATTERN, "maxLength": MAX_LENGTH}),
]
"""Float seconds in Python, a duration string in Kubernetes."""
