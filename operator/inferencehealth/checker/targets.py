"""Which pods belong to which reports, kept up to date change by change. Pure.

A change of one pod looks at the few reports that could select it, a change of one report at the
pods of its namespace; nothing ever walks over everything.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from inferencehealth.api.target import Selector
from inferencehealth.kube.selectors import Matcher, matcher
from inferencehealth.kube.store import Key

Target = tuple[Key, Key]
"""A report and a pod that it selects."""

Bucket = tuple[str, str, str]
"""Namespace and one label that all selected pods carry; key "" where there is no such label."""


@dataclass(frozen=True, slots=True)
class Delta:
    """What a change did to the pairs of report and pod."""

    joined: tuple[Target, ...] = ()
    left: tuple[Target, ...] = ()


@dataclass(slots=True)
class _Selecting:
    matches: Matcher
    selector: Selector
    bucket: Bucket
    pods: dict[Key, None] = field(default_factory=dict)  # a set that keeps its order


class Targets:
    """All pairs of a report and a pod that it selects, in its own namespace."""

    def __init__(self) -> None:
        self._reports: dict[Key, _Selecting] = {}
        self._buckets: dict[Bucket, dict[Key, None]] = {}
        self._labels: dict[str, dict[str, Mapping[str, str]]] = {}  # namespace, pod
        self._reports_of: dict[Key, frozenset[Key]] = {}

    def pods_of(self, report: Key) -> Iterator[Key]:
        """The pods that the report selects."""
        found = self._reports.get(report)
        return iter(found.pods if found else ())

    def reports_of(self, pod: Key) -> frozenset[Key]:
        """The reports that select the pod; more than one only where selectors overlap."""
        return self._reports_of.get(pod, frozenset())

    def set_report(self, report: Key, selector: Selector | None) -> Delta:
        """The report selects by this selector from now on; None: it is gone or selects nothing."""
        before = self._reports.get(report)
        if before is not None and before.selector == selector:
            return Delta()
        old = dict(before.pods) if before else {}
        if before is not None:
            self._buckets[before.bucket].pop(report)
            if not self._buckets[before.bucket]:
                del self._buckets[before.bucket]
            del self._reports[report]
        new: dict[Key, None] = {}
        if selector is not None:
            found = _Selecting(matcher(selector), selector, self._bucket(report[0], selector))
            pods = self._labels.get(report[0], {})
            new = {(report[0], n): None for n, labels in pods.items() if found.matches(labels)}
            found.pods = new
            self._reports[report] = found
            self._buckets.setdefault(found.bucket, {})[report] = None
        joined = [pod for pod in new if pod not in old]
        left = [pod for pod in old if pod not in new]
        for pod in joined:
            self._reports_of[pod] = self.reports_of(pod) | {report}
        for pod in left:
            self._leave(pod, report)
        return Delta(tuple((report, p) for p in joined), tuple((report, p) for p in left))

    def set_pod(self, pod: Key, labels: Mapping[str, str] | None) -> Delta:
        """The pod carries these labels from now on; None: it is gone."""
        namespace, name = pod
        known = self._labels.setdefault(namespace, {})
        old = self.reports_of(pod)
        if labels is None:
            known.pop(name, None)
            if not known:
                del self._labels[namespace]
            new: frozenset[Key] = frozenset()
        elif name in known and known[name] == labels:
            return Delta()
        else:
            known[name] = labels
            new = frozenset(self._selected_by(namespace, labels))
        for report in new - old:
            self._reports[report].pods[pod] = None
        for report in old - new:
            self._reports[report].pods.pop(pod)
        if new:
            self._reports_of[pod] = new
        else:
            self._reports_of.pop(pod, None)
        return Delta(
            tuple((report, pod) for report in new - old),
            tuple((report, pod) for report in old - new),
        )

    def _bucket(self, namespace: str, selector: Selector) -> Bucket:
        """The bucket, among those that fit the selector, that the fewest reports are in."""
        fitting = [(namespace, k, v) for k, v in selector.match_labels.items()]
        return min(
            fitting, key=lambda b: (len(self._buckets.get(b, ())), b), default=(namespace, "", "")
        )

    def _selected_by(self, namespace: str, labels: Mapping[str, str]) -> Iterator[Key]:
        for bucket in ((namespace, "", ""), *((namespace, k, v) for k, v in labels.items())):
            for report in self._buckets.get(bucket, ()):
                if self._reports[report].matches(labels):
                    yield report

    def _leave(self, pod: Key, report: Key) -> None:
        rest = self.reports_of(pod) - {report}
        if rest:
            self._reports_of[pod] = rest
        else:
            self._reports_of.pop(pod, None)
