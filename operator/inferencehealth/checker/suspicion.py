"""When much falls silent at once, the fault is likely ours: verdicts are then withheld. Pure.

A broken network of the checker's own node looks exactly like thousands of dead servers; that
unrelated servers die in the same seconds is the less likely of the two.
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

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
PAUSE: Final = 1.0
"""Seconds between two counts: they are over all silent pods, and these may be thousands."""

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


class Suspicion(Generic[K]):
    """Remembers who fell silent, and whether that makes the checker suspect."""

    def __init__(self) -> None:
        self._silent: dict[K, Silence] = {}
        self._counted_at = float("-inf")
        self._reading: Reading | None = None

    @property
    def active(self) -> bool:
        """Whether the checker suspects itself now."""
        return self._reading is not None

    def forget(self, key: K) -> None:
        """The pod is checked no more."""
        self._silent.pop(key, None)

    def weigh(
        self,
        key: K,
        reading: Reading,
        *,
        serving: bool,
        policy: Key,
        interval: float,
        total: int,
        now: float,
    ) -> Reading:
        """The reading to judge by: this one, or that we doubt ourselves.

        `serving`: the pod is believed to serve. Only pods that were when they fell silent are
        withheld; what was broken before stays so, and what a server itself says always counts.
        """
        if reading.sign not in _NO_WORD:
            self.forget(key)
        elif serving and key not in self._silent:
            self._silent[key] = Silence(policy, now, interval)
        if self._silent or self.active:
            self._count(total, now)
        withheld = self._reading is not None and key in self._silent
        return self._reading if withheld and self._reading is not None else reading

    def _count(self, total: int, now: float) -> None:
        if now - self._counted_at < PAUSE:
            return
        self._counted_at = now
        if self._reading is None:
            if is_suspect(self._silent.values(), total, now):
                # The numbers stay as they were then: a message that counts would be news for ever.
                self._reading = Reading(
                    Sign.UNKNOWN,
                    "CheckerSuspect",
                    f"{len(self._silent)} of {total} pods fell silent together, over several "
                    "policies: the checker suspects its own network and withholds its verdict",
                )
        elif len(self._silent) < max(MIN_PODS, SHARE * total):
            self._reading = None
