"""Sends canaries beside the rounds, and keeps what they found: the edge around `turns`.

A canary may take ten seconds while rounds come every second, so it is an exchange of its own
whose result counts in the rounds after it. One pod has one canary in flight, and so has one
workload: what a fleet's servers are asked for is real work.
"""

import asyncio
import logging
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from inferencehealth.checker import canary as rules
from inferencehealth.checker import turns
from inferencehealth.checker.canary import CanaryState
from inferencehealth.checker.exchange import Exchange
from inferencehealth.checker.memory import RoundMemory
from inferencehealth.checker.peers import peer_of
from inferencehealth.checker.references import References
from inferencehealth.checker.rounds import Ask
from inferencehealth.checker.tally import Ended, Tally, ended
from inferencehealth.checker.work import Checked
from inferencehealth.checks.steps import Peer, Reading, Sign
from inferencehealth.kube.store import Key
from inferencehealth.profiles.auto_canary import LEFT_OUT, NotNow, Target
from inferencehealth.profiles.canary import DENIED_REASON, CanaryRequest

MAX_IN_FLIGHT: Final = 256
"""Canaries in flight over all workloads; each is a socket and a task."""
ALL_HANG: Final = 3
"""Canaries of a workload in a row without an answer from which on several go side by side."""
SIDE_BY_SIDE: Final = 4
"""How many then. One at a time is a promise to servers that work: where all hang, nobody's request
waits for ours, and 100 pods that take 10 s each are found in minutes instead of half an hour."""

logger = logging.getLogger(__name__)


class Canaries:
    """The canaries of one checker. `clock` never goes back; `counted` only grows, by profile.

    `mark` is called with the key of a report that has another finding about its canaries;
    `lapsed_since` says whether this process stood still after a moment of `clock`, so that what a
    canary found meanwhile is about us. Not `allowed`: none is sent, and none counts.
    """

    def __init__(
        self,
        ask: Ask,
        references: References | None,
        clock: Callable[[], float] = time.monotonic,
        mark: Callable[[Key], None] = lambda _report: None,
        lapsed_since: Callable[[float], bool] = lambda _moment: False,
        *,
        allowed: bool = True,
    ) -> None:
        self._ask = ask
        self._references = references
        self._clock = clock
        self._mark = mark
        self._lapsed_since = lapsed_since
        self._allowed = allowed
        self._in_flight: dict[Checked, asyncio.Task[None]] = {}
        self._of_workload: Counter[Key] = Counter()
        self._hung: Counter[Key] = Counter()
        self._waiting: dict[Key, dict[Checked, float]] = {}  # since when, the longest first
        self.counted: defaultdict[str, Tally] = defaultdict(Tally)

    @property
    def sent(self) -> int:
        """Canaries that were sent."""
        return sum(tally.sent for tally in self.counted.values())

    @property
    def skipped(self) -> int:
        """Canaries that real traffic made needless."""
        return sum(tally.ends[Ended.SKIPPED] for tally in self.counted.values())

    @property
    def under_way(self) -> int:
        """Canaries that wait for their answer; they are not among those that were `sent` yet."""
        return len(self._in_flight)

    def weigh(self, checked: Checked, reading: Reading) -> Reading:
        """A round's reading with what the pod's canaries found; sends the next one if it is due."""
        compiled, memory, now = checked.work.compiled, checked.memory, self._clock()
        asked = compiled.spec.canary
        if not self._allowed or asked is None or not (compiled.canary or compiled.auto):
            return reading
        if reading.sign in turns.SERVING:
            targets = compiled.targets(reading)
            memory.canaries = turns.states_of(
                memory.canaries,
                targets,
                interval=asked.interval,
                uid=checked.pod.uid,
                history=checked.history,
                now=now,
            )
            target = turns.next_turn(memory.canaries, asked.interval, now)
            if target is not None and not _asleep(target, reading):
                self._start(checked, memory, target, now)
                return turns.combined(compiled.spec, reading, memory.canaries)
        self.forget(checked)
        return turns.combined(compiled.spec, reading, memory.canaries)

    def forget(self, checked: Checked) -> None:
        """The pod waits for no canary any more."""
        waiting = self._waiting.get(checked.work.record.key)
        if waiting is not None and waiting.pop(checked, None) is not None and not waiting:
            del self._waiting[checked.work.record.key]

    async def close(self) -> None:
        """Give up what is in flight."""
        tasks = list(self._in_flight.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, checked: Checked, memory: RoundMemory, target: Target, now: float) -> None:
        workload = checked.work.record.key
        limit = SIDE_BY_SIDE if self._hung[workload] >= ALL_HANG else 1
        full = self._of_workload[workload] >= limit or len(self._in_flight) >= MAX_IN_FLIGHT
        if checked in self._in_flight or full or not self._may_go(checked, memory):
            # It stays due, and is sent after another of its rounds.
            self._waiting.setdefault(workload, {}).setdefault(checked, now)
            return
        self.forget(checked)
        task = asyncio.ensure_future(self._run(checked, memory, target))
        self._in_flight[checked] = task
        self._of_workload[workload] += 1
        task.add_done_callback(lambda done: self._end(checked, workload, done))

    def _may_go(self, checked: Checked, memory: RoundMemory) -> bool:
        """Whether no other pod of the workload waits since before this one had its last turn.

        Rounds come in a fixed order, so that otherwise the same pods might go first for ever.
        """
        turn_at = max(state.turn_at for state in memory.canaries.values())
        for other, since in self._waiting.get(checked.work.record.key, {}).items():
            if not other.known:  # such a pod has no rounds
                return other is checked or since > turn_at
        return True

    def _end(self, checked: Checked, workload: Key, task: asyncio.Task[None]) -> None:
        del self._in_flight[checked]
        self._of_workload[workload] -= 1
        if not self._of_workload[workload]:
            del self._of_workload[workload]
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a canary of %s/%s ended in a bug of ours", *workload, exc_info=error)

    async def _run(self, checked: Checked, memory: RoundMemory, target: Target) -> None:
        """One canary of one pod; its result is dropped where it is about another start or spec."""
        state, spec = memory.canaries[target], checked.work.compiled.spec
        peer = await peer_of(spec, checked.pod, checked.facts.ip, self._references)
        if isinstance(peer, Reading):
            return
        began = self._clock()
        found = await self._send(checked, target, memory, peer)
        if self._lapsed_since(began) or target not in memory.canaries:
            return  # it stays due, or the model is gone
        memory.canaries[target] = found
        if found.unasked != state.unasked:
            self._mark(checked.work.record.key)

    async def _send(
        self, checked: Checked, target: Target, memory: RoundMemory, peer: Peer
    ) -> CanaryState:
        """The state after one canary, or after whatever took its place."""
        compiled, uid, state = checked.work.compiled, checked.pod.uid, memory.canaries[target]
        exchange = Exchange(
            self._ask, peer, compiled, target, self._references, checked.pod.namespace, self._clock
        )
        interval = exchange.asked.interval * len(memory.canaries)
        before = await exchange.look(state.sample)
        if told := exchange.traffic(state, before, interval):
            self._count(checked, Ended.SKIPPED)
            turn = rules.Turn(interval, uid, self._clock())
            return rules.skipped(state, turn, told, before)
        ways, turn = await exchange.ways(), rules.Turn(interval, uid, self._clock())
        if not state.suspicious and exchange.unused(state):
            ways = NotNow()
        if isinstance(ways, NotNow):
            return rules.held_back(state, turn, compiled.spec, ways)
        if isinstance(ways, Reading):
            return rules.not_asked(state, turn, ways)
        reading, state = await self._ask_for_it(checked, exchange, ways, state)
        turn = rules.Turn(interval, uid, self._clock())
        if reading.reason in LEFT_OUT:
            return rules.left_out(state, turn, reading)
        after, evidence = await exchange.evidence(reading, before, waits=state.waits)
        heard = rules.Heard(reading, evidence, after, exchange.own, exchange.later)
        return rules.heard(state, rules.Turn(interval, uid, self._clock()), compiled.spec, heard)

    async def _ask_for_it(
        self,
        checked: Checked,
        exchange: Exchange,
        ways: tuple[CanaryRequest, ...],
        state: CanaryState,
    ) -> tuple[Reading, CanaryState]:
        """What the first way comes to that the server takes, beginning with the one it took last.

        A failure is doubted that may be the request's own.
        """
        reading, target, work = Reading(Sign.UNKNOWN), exchange.target, checked.work
        for place in range(min(state.way, len(ways) - 1), len(ways)):
            sent = await exchange.send(ways[place])
            reading, state = sent.reading, replace(state, way=place)
            if sent.seconds is not None:
                self._count(checked, ended(reading), sent.seconds, sent.words)
            if not sent.refused:
                break
        if reading.reason == DENIED_REASON and ways[0].secret and self._references:
            self._references.forget(checked.pod.namespace, ways[0].secret)
        hangs = reading.sign is Sign.SILENT
        self._hung[work.record.key] = self._hung[work.record.key] + 1 if hangs else 0
        if reading.sign is Sign.SERVES:
            work.proven.add(target)
            return reading, await exchange.noted(state)
        proven = target in work.proven or state.verdict is not None
        return exchange.doubted(reading, proven=proven), state

    def _count(self, checked: Checked, end: Ended, seconds: float = 0.0, request: str = "") -> None:
        self.counted[checked.work.compiled.spec.profile].add(end, seconds)
        checked.work.tally.add(end, seconds, request)


def _asleep(target: Target, reading: Reading) -> bool:
    """Whether all that the canary is about sleeps, so that it would wake it."""
    about = [item for item in reading.models if target.name in {"", item.name}]
    return bool(about) and all(item.sign is Sign.ASLEEP for item in about)
