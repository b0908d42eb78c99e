"""What the webhook knows while it answers: the policies, and what the reports have on record."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from inferencehealth.admission.claimants import Claimant
from inferencehealth.admission.review import Record
from inferencehealth.api.report import Report
from inferencehealth.kube.store import Change
from inferencehealth.workloads import Workload


@dataclass(frozen=True, slots=True)
class Told:
    """What one report has on record, and the uid of its workload."""

    uid: str
    record: Record


def told(raw: dict[str, Any]) -> Told | None:
    """What a report says; None where it can't be read."""
    try:
        report = Report.model_validate(raw)
    except ValidationError:
        return None
    status = report.status
    startups = status.health.startups if status.health else ()
    return Told(report.spec.workload.uid, Record(status.probes, startups))


@dataclass(slots=True)
class Knowledge:
    """Policies by namespace, records by their workload's uid; kept by two informers."""

    _policies: dict[str, dict[str, Claimant]] = field(default_factory=lambda: defaultdict(dict))
    _records: dict[str, Record] = field(default_factory=dict)

    def on_policy(self, change: Change[Claimant]) -> None:
        """A policy came, changed or went."""
        namespace, name = change.key
        if change.new is None:
            self._policies[namespace].pop(name, None)
        else:
            self._policies[namespace][name] = change.new

    def on_report(self, change: Change[Told]) -> None:
        """A report came, changed or went."""
        if change.old is not None:
            self._records.pop(change.old.uid, None)
        if change.new is not None:
            self._records[change.new.uid] = change.new.record

    def claimants(self, namespace: str) -> Iterable[Claimant]:
        """The policies of a namespace."""
        return tuple(self._policies.get(namespace, {}).values())

    def record(self, workload: Workload) -> Record:
        """What is on record about the workload; nothing for one that is new."""
        return self._records.get(workload.uid, Record()) if workload.uid else Record()
