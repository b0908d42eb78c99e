"""Which checker a workload belongs to: rendezvous hashing over those that live. Pure.

Everybody computes it alone and comes to the same answer; when a member joins or leaves, only the
workloads move that it gets or had.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b


@dataclass(frozen=True, slots=True)
class Share:
    """The part of all workloads that is `me`'s, among the members.

    Not `growing`: what is held of it stays, but nothing new may be taken on, as somebody else may
    still have it.
    """

    me: str
    members: frozenset[str]
    growing: bool = True

    def has(self, uid: str) -> bool:
        """Whether the workload of that UID is ours."""
        return len(self.members) == 1 or owner(uid, self.members) == self.me


def alone(me: str) -> Share:
    """Everything is ours."""
    return Share(me, frozenset({me}))


def owner(uid: str, members: Iterable[str]) -> str:
    """The member that the workload of that UID belongs to; raises ValueError without members."""
    return max(members, key=lambda member: (_weight(uid, member), member))


def _weight(uid: str, member: str) -> bytes:
    # A checksum like CRC will not do: it is linear, so one member would win over another for all
    # UIDs of the same length. Surrogates: a name is any text, even one that is no UTF-8.
    key = f"{member}\0{uid}".encode(errors="surrogatepass")
    return blake2b(key, digest_size=8).digest()
