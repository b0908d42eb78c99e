"""Which reports and pods are ours to check, as they come and go; `engine` checks and judges them.

What comes in are changes of reports and pods, and our share of all workloads.
"""

from collections.abc import Callable, Iterator
from typing import Protocol

from inferencehealth.api.report import CheckSpec
from inferencehealth.checker.memory import RoundMemory
from inferencehealth.checker.reports import ReportRecord
from inferencehealth.checker.rounds import compile_check
from inferencehealth.checker.shards import Share, alone
from inferencehealth.checker.targets import Delta, Targets
from inferencehealth.checker.work import Checked, Work, work_for
from inferencehealth.checks.history import reopen
from inferencehealth.kube.pods import PodRecord
from inferencehealth.kube.store import Change, Key


class Tending(Protocol):
    """What is done with the pods that are ours."""

    def begin(self, work: Work, pod: PodRecord) -> Checked:
        """What is known of a pod that becomes ours."""

    def check(self, checked: Checked) -> None:
        """Check it from now on, as often as its report asks now."""

    def hear(self, checked: Checked) -> None:
        """Kubernetes told something about it."""

    def drop(self, checked: Checked) -> None:
        """Check it no more."""


class Holdings:
    """The reports that are ours, and their pods.

    `mark` is called with the key of each report whose health may have changed by what came in.
    `identity` is our Lease. Until `divide` says otherwise, everything is ours.
    """

    def __init__(self, identity: str, mark: Callable[[Key], None], tending: Tending) -> None:
        self._identity = identity
        self._mark = mark
        self._tending = tending
        self._share = alone(identity)
        self._targets = Targets()
        self._reports: dict[Key, ReportRecord] = {}
        self._works: dict[Key, Work] = {}
        self._started = False
        self.total = 0
        """How many pods are ours."""

    def start(self) -> None:
        """All reports and pods that exist are known: from now on, what is known is the whole."""
        self._started = True
        for work in self._works.values():
            self.complete(work)

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
            self.complete(work)
        elif self._share.growing and self._share.has(record.workload.uid):
            self._take(record)

    def on_pod(self, change: Change[PodRecord]) -> None:
        """A pod appeared, changed or went away; one that is being deleted counts as gone."""
        pod, key = change.new, change.key
        if pod is None or pod.deleting:
            self._apply(self._targets.set_pod(key, None))
            return
        self._apply(self._targets.set_pod(key, pod))
        checked = self.of(key)
        if checked is not None and checked.pod is not pod:
            self._renew(checked, pod)

    def works(self) -> Iterator[Work]:
        """The reports that are ours."""
        return iter(self._works.values())

    def work(self, report: Key) -> Work | None:
        """What we know about the report's pods; None where it is not ours."""
        return self._works.get(report)

    def report_of(self, pod: Key) -> Key | None:
        """The report that judges the pod, also where it is another checker's."""
        return self._targets.report_of(pod)

    def checked(self) -> Iterator[Checked]:
        """Every pod that is checked, once per report."""
        return (checked for work in self._works.values() for checked in work.pods.values())

    def of(self, pod: Key) -> Checked | None:
        """The pod, if it is ours."""
        report = self._targets.report_of(pod)
        work = self._works.get(report) if report else None
        return work.pods.get(pod) if work else None

    def complete(self, work: Work) -> None:
        """Let the report be written, if every pod that it waits for is judged."""
        if self._started and not work.complete and not work.waiting:
            work.complete = True
            work.told = {}
            self._mark(work.record.key)

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
            self._tending.check(checked)

    def _take(self, record: ReportRecord) -> None:
        """Check the report's pods from now on, beginning with what was said of them last."""
        if record.check is None:
            return
        work = self._works[record.key] = work_for(record, record.check)
        for pod in self._targets.pods_of(record.key):
            self._join(work, pod)
        self.complete(work)

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
        if work.record.desired != record.desired:
            self._mark(record.key)  # how many pods of a model are enough
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
            self.complete(work)
            self._mark(report)
        for report, key in delta.joined:
            work = self._works.get(report)
            if work is not None:
                self._join(work, self._targets.pod(key))
                self._mark(report)

    def _join(self, work: Work, pod: PodRecord) -> None:
        checked = work.pods[pod.namespace, pod.name] = self._tending.begin(work, pod)
        self.total += 1
        if not work.complete:
            work.waiting.add(checked)
        self._tending.check(checked)
        self._tending.hear(checked)

    def _leave(self, checked: Checked) -> None:
        self.total -= 1
        self._tending.drop(checked)

    def _renew(self, checked: Checked, pod: PodRecord) -> None:
        before = checked.pod.ready, checked.facts.restarts
        checked.see(pod)
        if (pod.ready, checked.facts.restarts) != before:
            self._mark(checked.work.record.key)
        self._tending.hear(checked)


def _question(spec: CheckSpec) -> tuple[object, ...]:
    """What is asked, apart from how often and how patiently."""
    return (
        *(spec.profile, spec.container, spec.port, spec.models, spec.components, spec.endpoints),
        *(spec.scheme, spec.tls, spec.canary, spec.metrics_port),
    )
