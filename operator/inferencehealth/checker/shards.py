"""Which checker a workload belongs to: rendezvous hashing over those that live. Pure.

Everybody computes it alone and comes to the same answer; when a member joins or leaves, only the
workloads move that it gets or had.
"""

from collections.abc import Iterable
from hashlib import blake2b


def owner(uid: str, members: Iterable[str]) -> str:
    """The member that the workload of that UID belongs to; raises ValueError without members."""
    return max(members, key=lambda member: (_weight(uid, member), member))


def _weight(uid: str, member: str) -> bytes:
    # A checksum like CRC will not do: it is linear, so one member would win over another for all
    # UIDs of the same length.
    return blake2b(f"{member}\0{uid}".encode(), digest_size=8).digest()
