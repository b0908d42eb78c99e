"""Who shares the work, as one member sees it: from Leases and our own clock to a share. Pure.

A member trusts its view of the others as long as its own renewals come back in it: a watch that
hangs, an API server that is away, a process that was stopped all look the same, and in none of
them anybody is declared dead, and nothing is written. When they have not come back for a Lease's
whole duration, the others will have taken our share: we go on checking it, and join anew when we
are seen.
"""

from dataclasses import dataclass, field
from typing import Final

from inferencehealth.checker.shards import Share
from inferencehealth.kube.leases import Freshness, LeaseRecord

ECHO: Final = 1.5
"""Our last renewal that came back may be so many beats old. Later we neither count the others'
silence nor write."""
SETTLE: Final = 8.0
"""Seconds between joining and taking on work that another member may still have: it gives up at
once when it sees us, and does not write after ECHO beats when it cannot."""
LONGEST_TICK: Final = 2.0
"""Seconds of silence that one look may add: while we ourselves stood still, nobody was silent."""
REMEMBERED: Final = 15
"""Own renewals that may be on their way back: one a second at most, for a Lease's duration."""
FORGOTTEN: Final = 3600.0
"""Seconds of silence after which a member's Lease is litter."""


@dataclass(slots=True)
class Roster:
    """The members, as seen by `me`; `duration` is that of a Lease, a beat a third of it.

    Times are seconds of one clock that goes on while the process or the machine sleeps.
    """

    me: str
    duration: float
    beat: float
    share: Share = field(init=False)
    doubled: bool = False
    """Whether somebody else renews our Lease: another checker goes by our name."""
    _others: Freshness = field(default_factory=Freshness)
    _sent: dict[str, float] = field(default_factory=dict)
    _echo: str = ""
    _echoed: float = float("-inf")
    _heard: float = 0.0
    _looked: float | None = None
    _joined: float | None = None
    _settled: bool = False

    def __post_init__(self) -> None:
        self.share = Share(self.me, frozenset({self.me}), growing=False)

    def send(self, renewed: str, now: float) -> None:
        """We are about to renew our Lease at this renewal time."""
        kept = list(self._sent.items())[-REMEMBERED:]
        self._sent = {**dict(kept), renewed: now}

    def observe(self, lease: LeaseRecord) -> None:
        """A Lease was added or changed."""
        if lease.name != self.me:
            self._others.observe(lease, self._heard)
        elif lease.renewed in self._sent:
            self._echoed = max(self._echoed, self._sent[lease.renewed])
            self._echo = lease.renewed
        elif self._joined is not None and lease.renewed != self._echo:
            self.doubled = True

    def forget(self, name: str) -> None:
        """A Lease was deleted: its member has left."""
        if name != self.me:
            self._others.forget(name)

    def counted(self, now: float) -> bool:
        """Whether the others still count us as one of them."""
        return now - self._echoed <= self.duration

    def may_write(self, now: float) -> bool:
        """Whether nobody else writes about what is ours."""
        return self._settled and self._sees(now)

    def look(self, now: float) -> Share:
        """Our share at `now`; to be asked after each change and every second."""
        before, self._looked = self._looked, now
        if before is not None and self._sees(now):
            self._heard += min(now - before, LONGEST_TICK)
        if not self.counted(now):
            self._joined, self._settled = None, False
            self.share = Share(self.me, self.share.members, growing=False)
            return self.share
        others = self._others.members(self._heard)
        if self._joined is None:
            self._joined = now
        self._settled = self._settled or not others or now - self._joined >= SETTLE
        self.share = Share(self.me, others | {self.me}, growing=self._settled)
        return self.share

    def _sees(self, now: float) -> bool:
        return now - self._echoed <= ECHO * self.beat

    def litter(self) -> frozenset[str]:
        """Leases of members long dead that are ours to delete: the first by name cleans up."""
        if not self._settled or self.me != min(self.share.members):
            return frozenset()
        return self._others.silent(self._heard - FORGOTTEN)
