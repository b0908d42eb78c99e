"""The engine: turns changes of reports and pods into checks, and readings into histories.

What comes in are `on_report`, `on_pod` and the readings of rounds; what comes out are marks on
the reports whose health changed, which the writer renders when it may write.
"""

import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from inferencehealth.api.report import Health
from inferencehealth.checker.attention import Attention, sleepless
from inferencehealth.checker.canaries import Canaries
from inferencehealth.checker.counters import OUTDATED, VOID, Counters
from inferencehealth.checker.disagreement import Contradiction
from inferencehealth.checker.groups import Workers
from inferencehealth.checker.health import health
from inferencehealth.checker.holdings import Holdings
from inferencehealth.checker.peers import peer_of
from inferencehealth.checker.references import References
from inferencehealth.checker.reports import ReportRecord
from inferencehealth.checker.restarts import Probes, restarted, spared
from inferencehealth.checker.rounds import Ask, Compiled, check_pod
from inferencehealth.checker.shards import Share
from inferencehealth.checker.startups import load_time, with_load
from inferencehealth.checker.suspicion import Suspicion
from inferencehealth.checker.work import Checked, Work, first_history
from inferencehealth.checks import latency
from inferencehealth.checks.clock import Clock
from inferencehealth.checks.deadlines import Due, phase
from inferencehealth.checks.history import History, PodFacts, is_gap, moved
from inferencehealth.checks.scheduler import Scheduler
from inferencehealth.checks.steps import Reading
from inferencehealth.checks.verdict import judge, outdated
from inferencehealth.checks.verdicts import SERVING
from inferencehealth.kube.pods import PodRecord
from inferencehealth.kube.store import Change, Key

logger = logging.getLogger(__name__)

MAX_LATE_INTERVALS: Final = 2
"""A check later than this many intervals means that the engine no longer keeps up."""
MIN_LATE: Final = 5.0
"""Seconds of lateness that are a hiccup of the machine, whatever the interval."""


@dataclass(frozen=True, slots=True)
class Transition:
    """A pod's verdict changed."""

    report: ReportRecord
    pod: PodRecord
    before: History
    after: History


@dataclass(frozen=True, slots=True)
class Difference:
    """The kubelet contradicts the verdict on a pod, and has for so long that it is no lag."""

    report: ReportRecord
    pod: PodRecord
    contradiction: Contradiction
    verdict: History


class Engine:
    """What is checked, and what is known about it.

    `mark` is called with the key of each report whose health may have changed, `told` with each
    change of a verdict, and `differs` of each lasting difference with the kubelet. `node_type` says
    what kind of node one is by its name, "" where that is not known. `identity` is the Lease by
    which readers know that we still look. Until `divide` says otherwise, everything is ours.
    `references` reads what specs refer to. `in_contact` says whether the API server
    is within reach. `clock` tells the time of day, `sleepless` the seconds
    of one that nobody sets and that goes on while the machine sleeps. Without `canaries` none is
    sent, whatever policies say.
    """

    def __init__(
        self,
        *,
        ask: Ask,
        identity: str,
        concurrency: int,
        mark: Callable[[Key], None],
        told: Callable[[Transition], None],
        differs: Callable[[Difference], None] = lambda _difference: None,
        node_type: Callable[[str], str] = lambda _node: "",
        references: References | None = None,
        in_contact: Callable[[], bool] = lambda: True,
        clock: Clock | None = None,
        sleepless: Callable[[], float] = sleepless,
        canaries: bool = True,
    ) -> None:
        self._ask = ask
        self._identity = identity
        self._mark = mark
        self._told = told
        self._differs = differs
        self._node_type = node_type
        self._clock = clock or Clock()
        self._in_contact = in_contact
        self.attention = Attention(self._lapsed, sleepless)
        self._references = references
        self.canaries = Canaries(
            ask,
            references,
            self.attention.now,
            mark,
            self.attention.lapsed_since,
            allowed=canaries,
        )
        self.holdings = Holdings(identity, mark, self)
        self.workers = Workers()
        self._suspicion: Suspicion[Checked] = Suspicion()
        self.counters = Counters()
        self.scheduler: Scheduler[Checked] = Scheduler(
            self._check, concurrency=concurrency, started=self._count_start
        )

    # what changes

    def start(self) -> None:
        """All reports and pods that exist are known: from now on, what is known is the whole."""
        self.holdings.start()

    def divide(self, share: Share) -> None:
        """This is our share from now on."""
        self.holdings.divide(share)

    def on_report(self, change: Change[ReportRecord]) -> None:
        """A report appeared, changed or went away."""
        self.holdings.on_report(change)

    def on_pod(self, change: Change[PodRecord]) -> None:
        """A pod appeared, changed or went away."""
        checked = self.holdings.of(change.key)
        before = checked.facts if checked else None
        self.workers.on_pod(change)
        self.holdings.on_pod(change)
        if checked is not None and before is not None:
            self._count_restart(checked, before)

    # what is known

    def render(self, report: Key, previous: Health | None) -> Health | None:
        """The health to write about a report; None while there is nothing new or whole to say."""
        work = self.work(report)
        if work is None or not work.complete:
            return None
        canary = work.compiled.spec.canary
        found = health(
            (checked.state() for checked in work.pods.values()),
            generation=work.record.generation,
            checked_by=self._identity,
            previous=previous,
            now=self._now(),
            container=work.compiled.spec.container,
            startups=work.startups,
            canary=work.tally.cost(canary.interval) if canary else None,
            desired=work.record.desired,
        )
        return None if found == previous else found

    def record(self, report: Key) -> ReportRecord | None:
        """The report as it was seen last; None once it is gone or no longer ours."""
        work = self.work(report)
        return work.record if work else None

    def work(self, report: Key) -> Work | None:
        """What we know about the report's pods; None where it is not ours."""
        return self.holdings.work(report)

    def report_of(self, pod: Key) -> Key | None:
        """The report that judges the pod, also where it is another checker's."""
        return self.holdings.report_of(pod)

    def checked(self) -> Iterator[Checked]:
        """Every pod that is ours."""
        return self.holdings.checked()

    @property
    def reports(self) -> int:
        """How many reports are ours."""
        return sum(1 for _ in self.holdings.works())

    @property
    def suspects_itself(self) -> bool:
        """Whether so much fell silent at once that we doubt our own network."""
        return self._suspicion.doubt is not None

    def keeps_up(self) -> bool:
        """Whether checks start about when they are due."""
        shortest = self.shortest_interval()
        bound = MIN_LATE if math.isinf(shortest) else max(MAX_LATE_INTERVALS * shortest, MIN_LATE)
        return self.scheduler.lateness() < bound

    def shortest_interval(self) -> float:
        """Seconds between two checks of the pod that is checked most often; infinite if none is."""
        intervals = (work.compiled.spec.interval for work in self.holdings.works() if work.pods)
        return min(intervals, default=math.inf)

    # how one leads to the other

    def _now(self) -> float:
        """The time of day. What lasts goes on lasting when somebody sets the clock."""
        if by := self._clock.jump():
            for checked in self.checked():
                checked.history = moved(checked.history, by)
        return self._clock.now()

    def _lapsed(self, seconds: float) -> None:
        """We did not look for a while: what is too old by now is not ours to say any more."""
        logger.warning("this checker stood still for %.1f s", seconds)
        self.counters.lapses += 1
        now, awake = self._now(), self.attention.now()
        for checked in self.checked():
            pause = awake - checked.looked_at
            if is_gap(pause, checked.work.compiled.spec.interval):
                self._accept(checked, outdated(checked.history, now, pause))

    # what is done with the pods that are ours

    def begin(self, work: Work, pod: PodRecord) -> Checked:
        """What is known of a pod that becomes ours."""
        history = first_history(work, pod, self._now())
        return Checked(work, pod, history, looked_at=self.attention.now())

    def check(self, checked: Checked) -> None:
        """Check it from now on, as often as its report asks now."""
        interval = checked.work.compiled.spec.interval
        self.scheduler.put(checked, interval=interval, phase=phase(checked.pod.uid))

    def drop(self, checked: Checked) -> None:
        """Check it no more."""
        self.scheduler.drop(checked)
        self._suspicion.forget(checked)
        self.canaries.forget(checked)

    def hear(self, checked: Checked) -> None:
        """Kubernetes told something about it."""
        self._judge(checked, None, decided=checked.known)

    async def _check(self, checked: Checked) -> None:
        """One round; dropped when it turns out to be about another pod, container or spec."""
        facts, compiled = checked.facts, checked.work.compiled
        if checked.known:
            checked.looked_at = self.attention.now()
            self.hear(checked)
            return
        began = self.attention.now()
        reading = await self._round(checked)
        ended = self.attention.now()
        self.counters.duration.add(ended - began)
        void = self._void(checked, began, facts, compiled)
        self.counters.checks[void or reading.sign.value] += 1
        if void:
            return
        pause, checked.looked_at = began - checked.looked_at, ended
        gap = pause if is_gap(pause, compiled.spec.interval) else 0.0
        if checked.memory.took:
            checked.latency = latency.add(checked.latency, checked.memory.took)
        reading = self.canaries.weigh(checked, self._doubt(checked, reading))
        reading = self.workers.weigh(reading, checked.pod, compiled.spec.group_size or 1)
        self._judge(checked, reading, decided=True, gap=gap)

    def _void(self, checked: Checked, began: float, facts: PodFacts, compiled: Compiled) -> str:
        """Why the check that began then says nothing about the pod of now; "" if it does."""
        key, now = (checked.pod.namespace, checked.pod.name), checked.facts
        if self.holdings.of(key) is not checked or checked.work.compiled is not compiled:
            return OUTDATED
        if (now.ip, now.started_at) != (facts.ip, facts.started_at):
            return OUTDATED
        return VOID if self.attention.lapsed_since(began) else ""

    def _count_restart(self, checked: Checked, before: PodFacts) -> None:
        cause = restarted(before, checked.facts)
        if cause is not None:
            probes = Probes.OURS if checked.work.record.our_probes else Probes.OTHERS
            self.counters.restarts[cause, probes] += 1

    def _count_start(self, due: Due[Checked]) -> None:
        self.counters.lateness.add(due.late)
        self.counters.shed += due.missed

    async def _round(self, checked: Checked) -> Reading:
        compiled, pod = checked.work.compiled, checked.pod
        peer = await peer_of(compiled.spec, pod, checked.facts.ip, self._references)
        if isinstance(peer, Reading):
            return peer
        return await check_pod(compiled, peer, self._ask, checked.memory, self.attention.now())

    def _doubt(self, checked: Checked, reading: Reading) -> Reading:
        """The reading, unless so many pods fell silent that we suspect ourselves."""
        work, before = checked.work, self._suspicion.doubt
        weighed = self._suspicion.weigh(
            checked,
            reading,
            serving=checked.history.verdict in SERVING,
            confirmed=not checked.pod.ready,
            policy=work.record.policy_key,
            interval=work.compiled.spec.interval,
            total=self.holdings.total,
            in_contact=self._in_contact(),
            now=self.attention.now(),
        )
        if self._suspicion.doubt is not before:
            self._tell_doubt(self._suspicion.doubt, checked)
        return weighed

    def _tell_doubt(self, doubt: Reading | None, asked: Checked) -> None:
        """We began to suspect ourselves, or ceased to.

        Those that fell silent first have a round of their own behind them; this one counts as
        their next, so that all are Unknown within two intervals.
        """
        if doubt is None:
            logger.warning("this checker trusts its network again")
            return
        logger.warning("%s", doubt.message)
        for checked in self._suspicion.silent():
            if checked is not asked:
                self._judge(checked, doubt, decided=True)

    def _judge(
        self, checked: Checked, reading: Reading | None, *, decided: bool, gap: float = 0.0
    ) -> None:
        """Judge the pod anew; `decided`: the result is about the present spec."""
        now = self._now()  # first, as it may move what lasts
        work, thresholds = checked.work, checked.work.compiled.thresholds
        after = judge(reading, checked.facts, checked.history, thresholds, now, gap=gap)
        self._learn(checked, after, now)
        self._accept(checked, after)
        self._compare(checked, now)
        if decided and after.settled and checked in work.waiting:
            work.waiting.discard(checked)
            self.holdings.complete(work)

    def _learn(self, checked: Checked, after: History, now: float) -> None:
        """Remember how long the pod took to load, where this is the first time that it serves."""
        work, pod = checked.work, checked.pod
        took = load_time(checked.history, after, work.compiled.spec.interval, now)
        server = pod.container(work.compiled.spec.container) if took is not None else None
        if took is None or server is None or not server.image:
            return
        work.startups = with_load(work.startups, server.image, self._node_type(pod.node), took)
        self._mark(work.record.key)

    def _compare(self, checked: Checked, now: float) -> None:
        """Tell it when the kubelet has come to contradict the verdict, or has ceased to."""
        before, after = checked.contradiction, checked.differs(now)
        if before is after:
            return
        checked.contradiction = after
        record = checked.work.record
        self._mark(record.key)
        if after is not None:
            self._differs(Difference(record, checked.pod, after, checked.history))

    def _accept(self, checked: Checked, after: History) -> None:
        """This is the pod's history from now on: tell what changed by it."""
        before, checked.history = checked.history, after
        work = checked.work
        if before is after:
            return
        if _shown(before) != _shown(after):
            self._mark(work.record.key)
        if before.verdict is not after.verdict:
            self.counters.transitions[after.verdict.value] += 1
            self.counters.spared += work.record.our_probes and spared(
                before, after, self._clock.now()
            )
            self._told(Transition(work.record, checked.pod, before, after))


def _shown(history: History) -> tuple[object, ...]:
    return (
        history.verdict,
        history.reason,
        history.message,
        history.since,
        history.models,
        history.components,
    )
