"""Which probes admission gave to a workload in our name: nobody's, and just as we wanted them.

What is put in at admission has no manager in managedFields (seen on 1.35 and 1.36, webhook and
MutatingAdmissionPolicy alike); a probe that its author wrote always has one.
"""

from typing import Any

from inferencehealth.api.report import ProbeReport, ProbesReport
from inferencehealth.groups import LEADER_WORKER_SET
from inferencehealth.kubelet import same_probe
from inferencehealth.probes.ownership import writers
from inferencehealth.workloads import Container, Workload


def admitted(
    workload: Workload,
    container: Container,
    kind: str,
    wanted: dict[str, Any] | None,
    previous: ProbesReport | None,
) -> bool:
    """Whether the probe that is there came with admission: as wanted now, or as reported before.

    Without managedFields (a manifest in a file) nobody can tell, and it counts as the author's.
    In a LeaderWorkerSet it always is: what joins there joins its pods.
    """
    if workload.kind == LEADER_WORKER_SET:
        return False
    existing = container.probe(kind)
    tracked = bool(workload.raw.get("metadata", {}).get("managedFields"))
    if not existing or not tracked or writers(workload, container, kind):
        return False
    return any(same_probe(existing, one) for one in ever_wanted(kind, wanted, previous))


def ever_wanted(
    kind: str, wanted: dict[str, Any] | None, previous: ProbesReport | None
) -> tuple[dict[str, Any], ...]:
    """What admission may have put there in our name: as wanted now, and as reported before."""
    told = _reported(previous, kind)
    ever = (wanted, told.wanted if told else None, told.former if told else None)
    return tuple(one for one in ever if one)


def _reported(previous: ProbesReport | None, kind: str) -> ProbeReport | None:
    if previous is None:
        return None
    told = {
        "startupProbe": previous.startup,
        "livenessProbe": previous.liveness,
        "readinessProbe": previous.readiness,
    }
    return told[kind]
