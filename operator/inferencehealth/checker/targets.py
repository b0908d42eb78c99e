"""Which pods each report selects, and which one report checks a pod. Pure, change by change.

A change of one pod looks at the few reports that could select it, a change of one report at the
pods of its namespace; nothing ever walks over everything.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from inferencehealth.api.report import WorkloadRef
from inferencehealth.api.target import Selector
from inferencehealth.groups import LEADER_WORKER_SET
from inferencehealth.kube.pods import PodRecord
from inferencehealth.kube.selectors import Matcher, matcher
from inferencehealth.kube.store import Key

Target = tuple[Key, Key]
"""A report and a pod that it checks."""

Bucket = tuple[str, str, str]
"""Namespace and one label that all selected pods carry; key "" where there is no such label."""

TEMPLATE_HASH = "pod-template-hash"
"""Label of a Deployment's pods; its ReplicaSet is named after the Deployment and this hash."""


@dataclass(frozen=True, slots=True)
class Delta:
    """What a change did to the pairs of report and pod."""

    joined: tuple[Target, ...] = ()
    left: tuple[Target, ...] = ()


@dataclass(slots=True)
class _Selecting:
    matches: Matcher
    selector: Selector
    workload: WorkloadRef
    bucket: Bucket
    pods: dict[Key, None] = field(default_factory=dict)  # a set that keeps its order


def runs(workload: WorkloadRef, pod: PodRecord) -> bool:
    """Whether the pod is one of the workload's own, by who manages it.

    A Deployment manages pods through a ReplicaSet whose name it makes of its own and the hash in
    the label (kubernetes pkg/controller/deployment/sync.go). The leaders of a LeaderWorkerSet are
    the pods of a StatefulSet of its name.
    """
    if pod.controller is None:
        return False
    kind, name = pod.controller
    if workload.kind == "Deployment":
        return kind == "ReplicaSet" and name == f"{workload.name}-{pod.labels.get(TEMPLATE_HASH)}"
    made_by = "StatefulSet" if workload.kind == LEADER_WORKER_SET else workload.kind
    return (kind, name) == (made_by, workload.name)


class Targets:
    """All pairs of a report and a pod that it checks, in its own namespace.

    Where selectors overlap, a pod is checked for the workload that runs it, else for the first
    report by name: never twice.
    """

    def __init__(self) -> None:
        self._reports: dict[Key, _Selecting] = {}
        self._buckets: dict[Bucket, dict[Key, None]] = {}
        self._pods: dict[str, dict[str, PodRecord]] = {}  # namespace, name
        self._selecting: dict[Key, frozenset[Key]] = {}
        self._checking: dict[Key, Key] = {}

    def pods_of(self, report: Key) -> Iterator[PodRecord]:
        """The pods that the report checks."""
        found = self._reports.get(report)
        for key in found.pods if found else ():
            if self._checking.get(key) == report:
                yield self._pods[key[0]][key[1]]

    def report_of(self, pod: Key) -> Key | None:
        """The report that checks the pod."""
        return self._checking.get(pod)

    def pod(self, pod: Key) -> PodRecord:
        """The pod as it was set last; raises KeyError for one that is gone."""
        return self._pods[pod[0]][pod[1]]

    def set_report(self, report: Key, selector: Selector | None, workload: WorkloadRef) -> Delta:
        """The report selects by this selector from now on; None: it is gone or selects nothing."""
        before = self._reports.get(report)
        if before and before.selector == selector and before.workload == workload:
            return Delta()
        old = dict(before.pods) if before else {}
        if before is not None:
            self._buckets[before.bucket].pop(report)
            if not self._buckets[before.bucket]:
                del self._buckets[before.bucket]
            del self._reports[report]
        new: dict[Key, None] = {}
        if selector is not None:
            found = _Selecting(
                matcher(selector), selector, workload, self._bucket(report[0], selector)
            )
            pods = self._pods.get(report[0], {})
            new = {(report[0], n): None for n, pod in pods.items() if found.matches(pod.labels)}
            found.pods = new
            self._reports[report] = found
            self._buckets.setdefault(found.bucket, {})[report] = None
        for pod in new:
            self._select(pod, self._selecting.get(pod, frozenset()) | {report})
        for pod in old:
            if pod not in new:
                self._select(pod, self._selecting[pod] - {report})
        return self._choose({**old, **new})

    def set_pod(self, key: Key, pod: PodRecord | None) -> Delta:
        """The pod is like this from now on; None: it is gone."""
        namespace, name = key
        known = self._pods.setdefault(namespace, {})
        before = known.get(name)
        old = self._selecting.get(key, frozenset())
        new: frozenset[Key] = frozenset()
        if pod is None:
            known.pop(name, None)
            if not known:
                del self._pods[namespace]
        else:
            known[name] = pod
            if before and (before.labels, before.controller) == (pod.labels, pod.controller):
                return Delta()
            new = frozenset(self._selected_by(pod))
        for report in new - old:
            self._reports[report].pods[key] = None
        for report in old - new:
            self._reports[report].pods.pop(key)
        self._select(key, new)
        return self._choose((key,))

    def _select(self, pod: Key, reports: frozenset[Key]) -> None:
        if reports:
            self._selecting[pod] = reports
        else:
            self._selecting.pop(pod, None)

    def _choose(self, pods: Iterable[Key]) -> Delta:
        """Settle anew which report checks each of the pods."""
        joined, left = [], []
        for key in pods:
            before, after = self._checking.get(key), self._first(key)
            if before == after:
                continue
            if before is not None:
                left.append((before, key))
            if after is None:
                del self._checking[key]
            else:
                self._checking[key] = after
                joined.append((after, key))
        return Delta(tuple(joined), tuple(left))

    def _first(self, key: Key) -> Key | None:
        selecting = self._selecting.get(key)
        if not selecting:
            return None
        if len(selecting) == 1:
            return next(iter(selecting))
        pod = self.pod(key)
        return min(selecting, key=lambda r: (not runs(self._reports[r].workload, pod), r))

    def _bucket(self, namespace: str, selector: Selector) -> Bucket:
        """The bucket, among those that fit the selector, that the fewest reports are in."""
        fitting = [(namespace, k, v) for k, v in selector.match_labels.items()]
        return min(
            fitting, key=lambda b: (len(self._buckets.get(b, ())), b), default=(namespace, "", "")
        )

    def _selected_by(self, pod: PodRecord) -> Iterator[Key]:
        namespace, labels = pod.namespace, pod.labels
        for bucket in ((namespace, "", ""), *((namespace, k, v) for k, v in labels.items())):
            for report in self._buckets.get(bucket, ()):
                if self._reports[report].matches(labels):
                    yield report
