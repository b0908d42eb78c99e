"""What a workload's report should say; the controller's half of it. Pure."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from inferencehealth.api.names import POLICY_LABEL
from inferencehealth.api.policy import Policy
from inferencehealth.api.report import (
    Detection,
    Finding,
    ProbesReport,
    Report,
    ReportSpec,
    WorkloadRef,
)
from inferencehealth.workloads import Workload

MAX_NAME = 253
"""Longest name of an object (DNS subdomain)."""
MAX_LABEL = 63
"""Longest value of a label."""
HASH = 10
"""Hexadecimal digits that keep a shortened name unique."""


@dataclass(frozen=True, slots=True)
class Content:
    """The controller's half of a report."""

    name: str
    spec: ReportSpec
    detection: Detection
    probes: ProbesReport
    findings: tuple[Finding, ...]
    desired_pods: int

    def status(self) -> dict[str, Any]:
        """The status fields that the controller owns, as they are written."""
        return status_body(self.detection, self.probes, self.findings, self.desired_pods)


def status_body(
    detection: Detection, probes: ProbesReport, findings: Iterable[Finding], desired_pods: int
) -> dict[str, Any]:
    """The controller's half of a report's status, as it is written: always all of it, because
    server-side apply takes away what is left out.
    """
    return {
        "detection": detection.manifest(),
        "probes": probes.manifest(),
        "findings": [finding.manifest() for finding in findings],
        "desiredPods": desired_pods,
    }


def report_name(kind: str, name: str) -> str:
    """The report's name: kind and name of its workload, shortened where it would be too long."""
    return _shortened(f"{kind.lower()}-{name}", MAX_NAME)


def policy_label(policy: str) -> str:
    """The policy's name as the value of a label, shortened where it would be too long."""
    return _shortened(policy, MAX_LABEL)


def _shortened(full: str, limit: int) -> str:
    if len(full) <= limit:
        return full
    digest = hashlib.sha256(full.encode()).hexdigest()[:HASH]
    return f"{full[: limit - HASH - 1].rstrip('-.')}-{digest}"


def report_spec(policy: Policy, workload: Workload, check: Any) -> ReportSpec:
    """What the checkers are asked about the workload."""
    return ReportSpec(
        policy=policy.metadata.name,
        workload=WorkloadRef(kind=workload.kind, name=workload.name, uid=workload.uid),
        check=check,
    )


def report_body(content: Content, workload: Workload) -> dict[str, Any]:
    """The report without its status.

    It is owned by the workload, so the garbage collector removes it when the workload goes, also
    while we are not there.
    """
    return {
        "metadata": {
            "labels": {POLICY_LABEL: policy_label(content.spec.policy)},
            "ownerReferences": [
                {
                    "apiVersion": workload.api_version,
                    "kind": workload.kind,
                    "name": workload.name,
                    "uid": workload.uid,
                }
            ],
        },
        "spec": content.spec.manifest(),
    }


def same_spec(content: Content, report: Report) -> bool:
    """Whether the report asks the checkers what it should."""
    return report.spec == content.spec


def same_status(content: Content, report: Report) -> bool:
    """Whether the controller's half of the report's status is what it should be."""
    status = report.status
    return (status.detection, status.probes, status.findings, status.desired_pods) == (
        content.detection,
        content.probes,
        content.findings,
        content.desired_pods,
    )
