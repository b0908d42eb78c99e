"""The engine: turns changes of reports and pods into checks, and readings into histories.

What comes in are `on_report`, `on_pod` and the readings of rounds; what comes out are marks on
the reports whose health changed, which the writer renders when it may write.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from inferencehealth.api.report import CheckSpec, Health
from inferencehealth.checker.health import health
from inferencehealth.checker.reports import ReportRecord
from inferencehealth.checker.rounds import Ask, check_pod, compile_check
from inferencehealth.checker.suspicion import Suspicion
from inferencehealth.checker.targets import Delta, Targets
from inferencehealth.checker.work import Checked, Work, first_history, work_for
from inferencehealth.checks.deadlines import phase
from inferencehealth.checks.history import History, reopen
from inferencehealth.checks.scheduler import Scheduler
from inferencehealth.checks.steps import Peer, Reading
from inferencehealth.checks.verdict import judge
from inferencehealth.checks.verdicts import SERVING
from inferencehealth.kube.pods import PodRecord
from inferencehealth.kube.store import Change, Key

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


class Engine:
    """What is checked, and what is known about it.

    `mark` is called with the key of each report whose health may have changed, `told` with each
    change of a verdict. `identity` is the Lease by which readers know that we still look. `clock`
    gives epoch seconds.
    """

    def __init__(
        self,
        *,
        ask: Ask,
        identity: str,
        concurrency: int,
        mark: Callable[[Key], None],
        told: Callable[[Transition], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._ask = ask
        self._identity = identity
        self._mark = mark
        self._told = told
        self._clock = clock
        self._targets = Targets()
        self._pods: dict[Key, PodRecord] = {}
        self._works: dict[Key, Work] = {}
        self._started = False
        self._total = 0
        self._suspicion: Suspicion[Checked] = Suspicion()
        self.scheduler: Scheduler[Checked] = Scheduler(self._check, concurrency=concurrency)

    # what changes

    def start(self) -> None:
        """All reports and pods that exist are known: from now on, what is known is the whole."""
        self._started = True
        for work in self._works.values():
            self._complete(work)

    def on_report(self, change: Change[ReportRecord]) -> None:
        """A report appeared, changed or went away."""
        record, work = change.new, self._works.get(change.key)
        if record is None or record.check is None:
            self._apply(self._targets.set_report(change.key, None))
            self._works.pop(change.key, None)
            self._mark(change.key)
            return
        if work is None:
            work = self._works[change.key] = work_for(record, record.check)
        elif work.record.generation == record.generation:
            work.record = record  # only its status: our own writing comes back, or others' parts
            return
        else:
            self._respecify(work, record)
        self._apply(self._targets.set_report(change.key, record.check.pod_selector))
        self._complete(work)

    def on_pod(self, change: Change[PodRecord]) -> None:
        """A pod appeared, changed or went away; one that is being deleted counts as gone."""
        pod, key = change.new, change.key
        if pod is None or pod.deleting:
            self._pods.pop(key, None)
            self._apply(self._targets.set_pod(key, None))
            return
        self._pods[key] = pod
        self._apply(self._targets.set_pod(key, pod.labels))
        for report in self._targets.reports_of(key):
            checked = self._works[report].pods[key]
            if checked.pod is not pod:
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
            now=self._clock(),
        )
        return None if found == previous else found

    def record(self, report: Key) -> ReportRecord | None:
        """The report as it was seen last; None once it is gone."""
        work = self._works.get(report)
        return work.record if work else None

    def checked(self) -> Iterator[Checked]:
        """Every pod that is checked, once per report."""
        return (checked for work in self._works.values() for checked in work.pods.values())

    def keeps_up(self) -> bool:
        """Whether checks start about when they are due."""
        intervals = [work.compiled.spec.interval for work in self._works.values() if work.pods]
        bound = max(MAX_LATE_INTERVALS * min(intervals, default=0.0), MIN_LATE)
        return self.scheduler.lateness() < bound

    # how one leads to the other

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
            self._schedule(checked)

    def _apply(self, delta: Delta) -> None:
        for report, key in delta.left:
            work = self._works[report]
            checked = work.pods.pop(key)
            work.waiting.discard(checked)
            self.scheduler.drop(checked)
            self._suspicion.forget(checked)
            self._total -= 1
            self._complete(work)
            self._mark(report)
        for report, key in delta.joined:
            work, pod = self._works[report], self._pods[key]
            checked = Checked(work, pod, first_history(work, pod, self._clock()))
            work.pods[key] = checked
            self._total += 1
            if not work.complete:
                work.waiting.add(checked)
            self._schedule(checked)
            self._mark(report)
            self._hear(checked)

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
        work, facts, compiled = checked.work, checked.facts, checked.work.compiled
        if checked.known:
            self._hear(checked)
            return
        reading = await check_pod(compiled, Peer(facts.ip), self._ask)
        key = (checked.pod.namespace, checked.pod.name)
        if work.pods.get(key) is not checked or work.compiled is not compiled:
            return
        if (checked.facts.ip, checked.facts.started_at) != (facts.ip, facts.started_at):
            return
        self._judge(checked, self._doubt(checked, reading), decided=True)

    def _doubt(self, checked: Checked, reading: Reading) -> Reading:
        """The reading, unless so many pods fell silent that we suspect ourselves."""
        work = checked.work
        return self._suspicion.weigh(
            checked,
            reading,
            serving=checked.history.verdict in SERVING,
            policy=work.record.policy_key,
            interval=work.compiled.spec.interval,
            total=self._total,
            now=self._clock(),
        )

    def _judge(self, checked: Checked, reading: Reading | None, *, decided: bool) -> None:
        """Judge the pod anew; `decided`: the result is about the present spec."""
        before, work = checked.history, checked.work
        thresholds = work.compiled.thresholds
        after = judge(reading, checked.facts, before, thresholds, self._clock())
        checked.history = after
        if decided and after.settled and checked in work.waiting:
            work.waiting.discard(checked)
            self._complete(work)
        if before is after:
            return
        if _shown(before) != _shown(after):
            self._mark(work.record.key)
        if before.verdict is not after.verdict:
            self._told(Transition(work.record, checked.pod, before, after))

    def _complete(self, work: Work) -> None:
        if self._started and not work.complete and not work.waiting:
            work.complete = True
            work.told = {}
            self._mark(work.record.key)


def _question(spec: CheckSpec) -> tuple[object, ...]:
    """What is asked, apart from how often and how patiently."""
    return spec.profile, spec.container, spec.port, spec.models, spec.components, spec.endpoints


def _shown(history: History) -> tuple[object, ...]:
    return (
        history.verdict,
        history.reason,
        history.message,
        history.since,
        history.models,
        history.components,
    )
