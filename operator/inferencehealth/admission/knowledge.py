"""What the webhook knows while it answers: the policies, and which probes the reports speak of."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from inferencehealth.admission.claimants import Claimant
from inferencehealth.api.report import ProbesReport, Report
from inferencehealth.kube.store import Change
from inferencehealth.workloads import Workload


@dataclass(frozen=True, slots=True)
class Told:
    """What one report says of the probes of the workload with that uid."""

    uid: str
    probes: ProbesReport


def told(raw: dict[str, Any]) -> Told | None:
    """What a report says; None where it can't be read."""
    try:
        report = Report.model_validate(raw)
    except ValidationError:
        return None
    return Told(report.spec.workload.uid, report.status.probes)


@dataclass(slots=True)
class Knowledge:
    """Policies by namespace, reports by their workload's uid; kept by two informers."""

    _policies: dict[str, dict[str, Claimant]] = field(default_factory=lambda: defaultdict(dict))
    _probes: dict[str, ProbesReport] = field(default_factory=dict)

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
            self._probes.pop(change.old.uid, None)
        if change.new is not None:
            self._probes[change.new.uid] = change.new.probes

    def claimants(self, namespace: str) -> Iterable[Claimant]:
        """The policies of a namespace."""
        return tuple(self._policies.get(namespace, {}).values())

    def reported(self, workload: Workload) -> ProbesReport | None:
        """What is on record about the workload's probes; nothing for one that is new."""
        return self._probes.get(workload.uid) if workload.uid else None
