"""The engine: turns changes of reports and pods into checks, and readings into histories.

What comes in are `on_report`, `on_pod` and the readings of rounds; what comes out are marks on
the reports whose health changed, which the writer renders when it may write.
"""

import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from inferencehealth.api.report import CheckSpec, Health
from inferencehealth.checker.attention import Attention, sleepless
from inferencehealth.checker.canaries import Canaries
from inferencehealth.checker.counters import OUTDATED, VOID, Counters
from inferencehealth.checker.disagreement import Contradiction
from inferencehealth.checker.health import health
from inferencehealth.checker.memory import RoundMemory
from inferencehealth.checker.peers import peer_of
from inferencehealth.checker.references import References
from inferencehealth.checker.reports import ReportRecord
from inferencehealth.checker.rounds import Ask, Compiled, check_pod, compile_check
from inferencehealth.checker.shards import Share, alone
from inferencehealth.checker.startups import load_time, with_load
from inferencehealth.checker.suspicion import Suspicion
from inferencehealth.checker.targets import Delta, Targets
from inferencehealth.checker.work import Checked, Work, first_history, work_for
from inferencehealth.checks import latency
from inferencehealth.checks.clock import Clock
from inferencehealth.checks.deadlines import Due, phase
from inferencehealth.checks.history import History, PodFacts, is_gap, moved, reopen
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
    of one that nobody sets and that goes on while the machine sleeps.
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
    ) -> None:
        self._ask = ask
        self._identity = identity
        self._mark = mark
        self._told = told
        self._differs = differs
        self._node_type = node_type
        self._clock = clock or Clock()
        self._in_contact = in_contact
        self._share = alone(identity)
        self.attention = Attention(self._lapsed, sleepless)
        self._references = references
        self.canaries = Canaries(
            ask, references, self.attention.now, mark, self.attention.lapsed_since
        )
        self._targets = Targets()
        self._reports: dict[Key, ReportRecord] = {}
        self._works: dict[Key, Work] = {}
        self._started = False
        self._total = 0
        self._suspicion: Suspicion[Checked] = Suspicion()
        self.counters = Counters()
        self.scheduler: Scheduler[Checked] = Scheduler(
            self._check, concurrency=concurrency, started=self._count_start
        )

    # what changes

    def start(self) -> None:
        """All reports and pods that exist are known: from now on, what is known is the whole."""
        self._started = True
        for work in self._works.values():
            self._complete(work)

    def divide(self, share: Share) -> None:
        """This is our share from now on: take on what it has, give up what it has not."""
        before, self._share = self._share, share
        if share.growing and not before.growing:
            for key in self._works:
                self._mark(key)  # what was held back meanwhile
        for key, record in self._reports.items():
            ours = share.has(record.workload.uid)
            if key in self._works and not ours:
                self._give_up(key)
            elif ours and share.growing and key not in self._works:
                self._take(record)

    def on_report(self, change: Change[ReportRecord]) -> None:
        """A report appeared, changed or went away."""
        record, key = change.new, change.key
        if record is None or record.check is None:
            self._give_up(key)
            if self._reports.pop(key, None) is not None and change.old is not None:
                self._apply(self._targets.set_report(key, None, change.old.workload))
            self._mark(key)
            return
        self._reports[key] = record
        work = self._works.get(key)
        if work is not None and work.record.generation == record.generation:
            self._reread(work, record)
            return
        if work is not None:
            self._respecify(work, record)
        selector = record.check.pod_selector
        self._apply(self._targets.set_report(key, selector, record.workload))
        if work is not None:
            self._complete(work)
        elif self._share.growing and self._share.has(record.workload.uid):
            self._take(record)

    def on_pod(self, change: Change[PodRecord]) -> None:
        """A pod appeared, changed or went away; one that is being deleted counts as gone."""
        pod, key = change.new, change.key
        if pod is None or pod.deleting:
            self._apply(self._targets.set_pod(key, None))
            return
        self._apply(self._targets.set_pod(key, pod))
        checked = self._checked(key)
        if checked is not None and checked.pod is not pod:
            self._renew(checked, pod)

    # what is known

    def render(self, report: Key, previous: Health | None) -> Health | None:
        """The health to write about a report; None while there is nothing new or whole to say."""
        work = self._works.get(report)
        if work is None or not work.complete:
            return None
        found = health(
            (checked.state() for checked in work.pods.values()),
            generation=work.record.generation,
            checked_by=self._identity,
            previous=previous,
            now=self._now(),
            container=work.compiled.spec.container,
            startups=work.startups,
        )
        return None if found == previous else found

    def record(self, report: Key) -> ReportRecord | None:
        """The report as it was seen last; None once it is gone."""
        work = self._works.get(report)
        return work.record if work else None

    def work(self, report: Key) -> Work | None:
        """What we know about the report's pods; None where it is not ours."""
        return self._works.get(report)

    def report_of(self, pod: Key) -> Key | None:
        """The report that judges the pod, also where it is another checker's."""
        return self._targets.report_of(pod)

    def checked(self) -> Iterator[Checked]:
        """Every pod that is checked, once per report."""
        return (checked for work in self._works.values() for checked in work.pods.values())

    @property
    def reports(self) -> int:
        """How many reports are ours."""
        return len(self._works)

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
        intervals = (work.compiled.spec.interval for work in self._works.values() if work.pods)
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

    def _respecify(self, work: Work, record: ReportRecord) -> None:
        """The report's spec changed: every pod has to be asked again before more is written."""
        spec, work.record = record.check, record
        if spec is None or spec == work.compiled.spec:
            self._mark(record.key)
            return
        another = _question(spec) != _question(work.compiled.spec)
        work.compiled, work.complete = compile_check(spec), False
        work.waiting = set(work.pods.values())
        for checked in work.waiting:
            checked.see(checked.pod)
            if another:
                checked.history = reopen(checked.history)
                checked.memory = RoundMemory()
            self._schedule(checked)

    def _take(self, record: ReportRecord) -> None:
        """Check the report's pods from now on, beginning with what was said of them last."""
        if record.check is None:
            return
        work = self._works[record.key] = work_for(record, record.check)
        for pod in self._targets.pods_of(record.key):
            self._join(work, pod)
        self._complete(work)

    def _give_up(self, report: Key) -> None:
        """Check the report's pods no more, and forget what we know of them."""
        work = self._works.pop(report, None)
        if work is None:
            return
        for checked in work.pods.values():
            self._leave(checked)
        self._mark(report)

    def _reread(self, work: Work, record: ReportRecord) -> None:
        """Only the report's status changed: by our own writing, the controller's or another's.

        A checker that wrote about it after us had it before and was late, or took it while we
        were away: in both cases it looked longer than we did, so we go on from what it said.
        """
        before, after = work.record.health, record.health
        work.record = record
        if after is not None and after != before and after.checked_by != self._identity:
            self._give_up(record.key)
            self._take(record)

    def _apply(self, delta: Delta) -> None:
        for report, key in delta.left:
            work = self._works.get(report)
            if work is None:
                continue
            checked = work.pods.pop(key)
            work.waiting.discard(checked)
            self._leave(checked)
            self._complete(work)
            self._mark(report)
        for report, key in delta.joined:
            work = self._works.get(report)
            if work is not None:
                self._join(work, self._targets.pod(key))
                self._mark(report)

    def _join(self, work: Work, pod: PodRecord) -> None:
        history = first_history(work, pod, self._now())
        checked = Checked(work, pod, history, looked_at=self.attention.now())
        work.pods[pod.namespace, pod.name] = checked
        self._total += 1
        if not work.complete:
            work.waiting.add(checked)
        self._schedule(checked)
        self._hear(checked)

    def _leave(self, checked: Checked) -> None:
        self.scheduler.drop(checked)
        self._suspicion.forget(checked)
        self.canaries.forget(checked)
        self._total -= 1

    def _checked(self, pod: Key) -> Checked | None:
        report = self._targets.report_of(pod)
        work = self._works.get(report) if report else None
        return work.pods.get(pod) if work else None

    def _schedule(self, checked: Checked) -> None:
        interval = checked.work.compiled.spec.interval
        self.scheduler.put(checked, interval=interval, phase=phase(checked.pod.uid))

    def _renew(self, checked: Checked, pod: PodRecord) -> None:
        before = checked.pod.ready, checked.facts.restarts
        checked.see(pod)
        if (pod.ready, checked.facts.restarts) != before:
            self._mark(checked.work.record.key)
        self._hear(checked)

    def _hear(self, checked: Checked) -> None:
        """Kubernetes told something about the pod."""
        self._judge(checked, None, decided=checked.known)

    async def _check(self, checked: Checked) -> None:
        """One round; dropped when it turns out to be about another pod, container or spec."""
        facts, compiled = checked.facts, checked.work.compiled
        if checked.known:
            checked.looked_at = self.attention.now()
            self._hear(checked)
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
        self._judge(checked, reading, decided=True, gap=gap)

    def _void(self, checked: Checked, began: float, facts: PodFacts, compiled: Compiled) -> str:
        """Why the check that began then says nothing about the pod of now; "" if it does."""
        key, now = (checked.pod.namespace, checked.pod.name), checked.facts
        if self._checked(key) is not checked or checked.work.compiled is not compiled:
            return OUTDATED
        if (now.ip, now.started_at) != (facts.ip, facts.started_at):
            return OUTDATED
        return VOID if self.attention.lapsed_since(began) else ""

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
            total=self._total,
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
            self._complete(work)

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
            self._told(Transition(work.record, checked.pod, before, after))

    def _complete(self, work: Work) -> None:
        if self._started and not work.complete and not work.waiting:
            work.complete = True
            work.told = {}
            self._mark(work.record.key)


def _question(spec: CheckSpec) -> tuple[object, ...]:
    """What is asked, apart from how often and how patiently."""
    return (
        *(spec.profile, spec.container, spec.port, spec.models, spec.components, spec.endpoints),
        *(spec.scheme, spec.tls, spec.canary),
    )


def _shown(history: History) -> tuple[object, ...]:
    return (
        history.verdict,
        history.reason,
        history.message,
        history.since,
        history.models,
        history.components,
    )
