"""Sends canaries beside the rounds, and keeps what they found: the edge around `canary`.

A canary may take ten seconds while rounds come every second, so it is an exchange of its own
whose result counts in the rounds after it. One pod has one canary in flight, and so has one
workload: what a fleet's servers are asked for is real work.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from inferencehealth.checker import canary as rules
from inferencehealth.checker.canary import CanaryState
from inferencehealth.checker.memory import RoundMemory
from inferencehealth.checker.outgoing import outgoing
from inferencehealth.checker.peers import peer_of
from inferencehealth.checker.references import References
from inferencehealth.checker.rounds import Ask
from inferencehealth.checker.work import Checked
from inferencehealth.checks import progress as counters
from inferencehealth.checks.progress import NO_PROGRESS, Sample
from inferencehealth.checks.steps import Answer, Peer, Reading, Sign
from inferencehealth.checks.verdicts import Verdict
from inferencehealth.kube.store import Key
from inferencehealth.profiles.canary import DENIED_REASON, FAILURES, CanaryRequest

MAX_IN_FLIGHT: Final = 256
"""Canaries in flight over all workloads; each is a socket and a task."""

logger = logging.getLogger(__name__)


class Canaries:
    """The canaries of one checker. `clock` never goes back; `sent` and `skipped` only grow.

    `mark` is called with the key of a report that has another finding about its canaries;
    `lapsed_since` says whether this process stood still after a moment of `clock`, so that what a
    canary found meanwhile is about us.
    """

    def __init__(
        self,
        ask: Ask,
        references: References | None,
        clock: Callable[[], float] = time.monotonic,
        mark: Callable[[Key], None] = lambda _report: None,
        lapsed_since: Callable[[float], bool] = lambda _moment: False,
    ) -> None:
        self._ask = ask
        self._references = references
        self._clock = clock
        self._mark = mark
        self._lapsed_since = lapsed_since
        self._in_flight: dict[Key, asyncio.Task[None]] = {}
        self._waiting: dict[Key, dict[Checked, float]] = {}  # since when, the longest first
        self.sent = 0
        self.skipped = 0

    def weigh(self, checked: Checked, reading: Reading) -> Reading:
        """A round's reading with what the pod's canary found; sends the next one if it is due."""
        canary = checked.work.compiled.canary
        if canary is None:
            return reading
        memory, now = checked.memory, self._clock()
        if memory.canary is None:
            memory.canary = _begin(checked, canary, now)
        if rules.is_due(memory.canary, canary, reading, now):
            self._start(checked, memory, canary, now)
        else:
            self.forget(checked)
        return rules.combined(reading, canary, memory.canary)

    def forget(self, checked: Checked) -> None:
        """The pod waits for no canary any more."""
        waiting = self._waiting.get(checked.work.record.key)
        if waiting is not None and waiting.pop(checked, None) is not None and not waiting:
            del self._waiting[checked.work.record.key]

    async def close(self) -> None:
        """Give up what is in flight."""
        for task in self._in_flight.values():
            task.cancel()
        await asyncio.gather(*self._in_flight.values(), return_exceptions=True)

    def _start(
        self, checked: Checked, memory: RoundMemory, canary: CanaryRequest, now: float
    ) -> None:
        workload = checked.work.record.key
        full = workload in self._in_flight or len(self._in_flight) >= MAX_IN_FLIGHT
        if full or not self._may_go(checked, memory):
            # It stays due, and is sent after another of its rounds.
            self._waiting.setdefault(workload, {}).setdefault(checked, now)
            return
        self.forget(checked)
        task = asyncio.ensure_future(self._run(checked, memory, canary))
        self._in_flight[workload] = task
        task.add_done_callback(lambda done: self._end(workload, done))

    def _may_go(self, checked: Checked, memory: RoundMemory) -> bool:
        """Whether no other pod of the workload waits since before this one had its last turn.

        Rounds come in a fixed order, so that otherwise the same pods might go first for ever.
        """
        turn_at = memory.canary.turn_at if memory.canary else 0.0
        for other, since in self._waiting.get(checked.work.record.key, {}).items():
            if not other.known:  # such a pod has no rounds
                return other is checked or since > turn_at
        return True

    def _end(self, workload: Key, task: asyncio.Task[None]) -> None:
        del self._in_flight[workload]
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a canary of %s/%s ended in a bug of ours", *workload, exc_info=error)

    async def _run(self, checked: Checked, memory: RoundMemory, canary: CanaryRequest) -> None:
        """One canary of one pod; its result is dropped where it is about another start or spec."""
        state, spec = memory.canary, checked.work.compiled.spec
        peer = await peer_of(spec, checked.pod, checked.facts.ip, self._references)
        if state is None or isinstance(peer, Reading):
            return
        began = self._clock()
        found = await self._send(checked, canary, state, peer)
        if self._lapsed_since(began):
            return  # it stays due
        memory.canary = found
        if found.unasked != state.unasked:
            self._mark(checked.work.record.key)

    async def _send(
        self, checked: Checked, canary: CanaryRequest, state: CanaryState, peer: Peer
    ) -> CanaryState:
        """The state after one canary, or after whatever took its place."""
        spec, uid = checked.work.compiled.spec, checked.pod.uid
        before = await self._look(checked, peer, canary, state.sample)
        if state.verdict is None and counters.moved(state.sample, before) and before:
            self.skipped += 1
            return rules.skipped(state, canary, uid, before, self._clock())
        request = await outgoing(canary, checked.pod.namespace, self._references)
        if isinstance(request, Reading):
            return rules.not_asked(state, canary, uid, request, self._clock())
        self.sent += 1
        answer = await self._ask(peer, request.port or spec.port, request, timeout=canary.timeout)
        reading = canary.read(answer)
        if reading.reason == DENIED_REASON and canary.secret and self._references:
            self._references.forget(checked.pod.namespace, canary.secret)
        evidence, after = None, before
        progress = checked.work.compiled.progress
        if reading.sign is Sign.SILENT and progress is not None:
            after = await self._look(checked, peer, canary, before)
            evidence = counters.judge(progress, before, after)
        return rules.heard(
            state,
            canary,
            spec=spec,
            uid=uid,
            reading=reading,
            evidence=evidence,
            sample=after,
            now=self._clock(),
        )

    async def _look(
        self, checked: Checked, peer: Peer, canary: CanaryRequest, before: Sample | None
    ) -> Sample | None:
        """The server's counters as far as they are about the canary's model."""
        compiled = checked.work.compiled
        progress = compiled.progress
        if progress is None or (progress.model_label and not canary.model):
            # Where models are counted apart, another one's progress proves nothing.
            return None
        request, timeout = progress.request, compiled.spec.timeout
        port = request.port or compiled.spec.port
        page: Answer = await self._ask(peer, port, request, timeout=timeout)
        return counters.sample(progress, page, before, self._clock(), model=canary.model)


def _begin(checked: Checked, canary: CanaryRequest, now: float) -> CanaryState:
    """The state of a pod that this process never sent a canary to."""
    history = checked.history
    by_canary = history.reason in FAILURES | {NO_PROGRESS}
    if history.verdict is Verdict.BROKEN and by_canary and not history.fresh:
        return rules.taken_over(Reading(Sign.FAILS, history.reason, history.message), now)
    return rules.first(canary, checked.pod.uid, now)
