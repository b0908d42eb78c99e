"""How long a server takes to answer, as percentiles over the last few hundred checks. Pure.

A pod's answers are counted in one integer of 32 bytes: a byte for each bucket, two buckets for
each doubling of the time. When a byte is full all are halved, so old answers fade.
"""

import math
from typing import Final

BUCKETS: Final = 32
SHORTEST: Final = 0.001
"""Seconds up to which answers fall into the first bucket; the last one begins at 33 s."""

NONE: Final = 0
"""The counts of a pod that has not answered yet."""

_FULL: Final = 0xFF
_HALVED: Final = int.from_bytes(bytes([0x7F]) * BUCKETS, "big")


def add(counts: int, seconds: float) -> int:
    """The counts with one more answer."""
    place = 8 * _bucket(seconds)
    if counts >> place & _FULL == _FULL:
        counts = counts >> 1 & _HALVED
    return counts + (1 << place)


def percentile(counts: int, share: float) -> float:
    """Seconds within which that share (0 to 1) of the answers came, true to a fifth; 0 for none."""
    filled = counts.to_bytes(BUCKETS, "little")
    wanted = share * sum(filled)
    seen = 0
    for bucket, count in enumerate(filled):
        seen += count
        if count and seen >= wanted:
            return float(SHORTEST * 2 ** ((bucket - 0.5) / 2))
    return 0.0


def _bucket(seconds: float) -> int:
    if seconds <= SHORTEST:
        return 0
    return min(BUCKETS - 1, math.ceil(2 * math.log2(seconds / SHORTEST)))
