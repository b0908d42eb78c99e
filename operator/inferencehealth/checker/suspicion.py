"""When much falls silent at once, the fault is likely ours: verdicts are then withheld. Pure.

A broken network of the checker's own node looks exactly like thousands of dead servers; that
unrelated servers die in the same seconds is the less likely of the two. Two other witnesses are
heard: the kubelet beside each pod, which has a network of its own, and the API server, which is
neither a pod nor on ours.
"""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from inferencehealth.checks.history import SUSPECT
from inferencehealth.checks.steps import Reading, Sign
from inferencehealth.kube.store import Key

K = TypeVar("K", bound=Hashable)

SHARE: Final = 0.6
"""Share of all pods that fell silent; well above what one node or rack takes with it."""
MIN_PODS: Final = 10
"""With fewer, a share proves little: three of four pods do fail together."""
MIN_POLICIES: Final = 2
"""One policy's servers may share a cause (a bad image, a shared volume); two seldom do."""
WINDOW_INTERVALS: Final = 2
"""Check intervals within which they have to fall silent: each pod is asked once in one."""
HONEST_INTERVALS: Final = 6
"""Check intervals after which a mass failure is believed, where others do answer: twice the
default failure threshold."""
PAUSE_SHARE: Final = 0.1
"""Share of an interval between two counts: they are over all silent pods, maybe thousands. The
doubt has to begin before the first that fell silent is asked again."""

_NO_WORD: Final = frozenset({Sign.SILENT, Sign.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Silence:
    """A pod that served and answers no more, since `since` (seconds), checked every `interval`."""

    policy: Key
    since: float
    interval: float


def is_suspect(silences: Iterable[Silence], total: int, now: float) -> bool:
    """Whether so many of all `total` pods fell silent together that we doubt ourselves."""
    together = [s for s in silences if now - s.since <= WINDOW_INTERVALS * s.interval]
    enough = len(together) >= MIN_PODS and len(together) >= SHARE * total
    return enough and len({s.policy for s in together}) >= MIN_POLICIES


def is_cut_off(
    silences: Iterable[Silence], answered_at: float, now: float, *, in_contact: bool
) -> bool:
    """Whether nobody at all answers us any more, be it a pod or the API server.

    That is doubt enough however few pods there are. `answered_at` is when a pod last did.
    """
    together = [s for s in silences if now - s.since <= WINDOW_INTERVALS * s.interval]
    return bool(together) and not in_contact and answered_at < min(s.since for s in together)


class Suspicion(Generic[K]):
    """Remembers who fell silent, and whether that makes the checker suspect. Times in seconds."""

    def __init__(self) -> None:
        self._silent: dict[K, Silence] = {}
        self._answered_at = float("-inf")
        self._counted_at = float("-inf")
        self._since = float("-inf")
        self._mass = False
        self.doubt: Reading | None = None
        """What silence says while the checker suspects itself; None while it does not."""

    def silent(self) -> Iterator[K]:
        """The pods that served when they fell silent."""
        return iter(list(self._silent))

    def forget(self, key: K) -> None:
        """The pod is checked no more."""
        self._silent.pop(key, None)

    def weigh(
        self,
        key: K,
        reading: Reading,
        *,
        serving: bool,
        confirmed: bool,
        policy: Key,
        interval: float,
        total: int,
        in_contact: bool,
        now: float,
    ) -> Reading:
        """The reading to judge by: this one, or that we doubt ourselves.

        `serving`: the pod is believed to serve. Only pods that were when they fell silent are
        withheld; what was broken before stays so, and what a server itself says always counts.
        `confirmed`: its kubelet finds it unready too, so the silence is none of ours.
        `in_contact`: the API server took our last sign of life.
        """
        if reading.sign not in _NO_WORD:
            self._answered_at = now
            self.forget(key)
        elif confirmed:
            self.forget(key)
        elif serving and key not in self._silent:
            self._silent[key] = Silence(policy, now, interval)
        if self._silent or self.doubt:
            self._count(total, now, PAUSE_SHARE * interval, in_contact=in_contact)
        return self.doubt if self.doubt and key in self._silent else reading

    def _count(self, total: int, now: float, pause: float, *, in_contact: bool) -> None:
        if now - self._counted_at < pause:
            return
        self._counted_at = now
        if self.doubt is None:
            self._begin(total, now, in_contact=in_contact)
        elif self._is_over(total, now, in_contact=in_contact):
            self.doubt = None

    def _begin(self, total: int, now: float, *, in_contact: bool) -> None:
        silences = self._silent.values()
        self._mass = is_suspect(silences, total, now)
        if self._mass:
            what = "fell silent together, over several policies"
        elif is_cut_off(silences, self._answered_at, now, in_contact=in_contact):
            what = "fell silent, no other answers, and neither does the API server"
        else:
            return
        self._since = now
        # The numbers stay as they were then: a message that counts would be news for ever.
        self.doubt = Reading(
            Sign.UNKNOWN,
            SUSPECT,
            f"{len(self._silent)} of {total} pods {what}: the checker suspects its own network "
            "and withholds its verdict",
        )

    def _is_over(self, total: int, now: float, *, in_contact: bool) -> bool:
        """Whether the doubt has to end: most answer again, or it was an honest failure.

        Who still reaches the API server and some pods has a network. That the rest is silent for
        so long is then theirs.
        """
        if not self._silent:
            return True
        if not self._mass:
            return in_contact or self._answered_at >= self._since
        if len(self._silent) < max(MIN_PODS, SHARE * total):
            return True
        patience = HONEST_INTERVALS * max(s.interval for s in self._silent.values())
        lately = now - self._answered_at <= patience / HONEST_INTERVALS
        return in_contact and lately and now - self._since > patience
