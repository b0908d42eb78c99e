"""The rollout guard: what became of our change of a workload, step by step. Pure.

Starting, Rolling while the pods are replaced, Verifying while the new ones are watched, Done; or
Halted when it failed, upon which the old probes are put back. Every step is a function of what the
report remembers and of what is the case now, so it makes no difference when we look, or whether
it is still the same process that does.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from inferencehealth.api.policy import Policy
from inferencehealth.api.report import MAX_MESSAGE, CheckSpec, Health
from inferencehealth.api.rollouts import RolloutReport, RolloutState
from inferencehealth.checks.verdicts import Verdict
from inferencehealth.controller.moments import elapsed, stamp
from inferencehealth.controller.rollouts import Phase, Progress
from inferencehealth.probes.gates import has_gate
from inferencehealth.probes.ownership import ours
from inferencehealth.workloads import OWNED_KINDS, Container, Workload

NO_DEADLINE: Final = 2**31 - 1
"""progressDeadlineSeconds that stands for none (apps/v1)."""
DEFAULT_GRACE: Final = 30
"""terminationGracePeriodSeconds where a pod says nothing."""
SCHEDULING: Final = 120.0
"""Seconds a pod may take to be scheduled, pulled and begun, beyond loading and ending."""
DIGITS: Final = 16
"""Hexadecimal digits of a digest that is compared with one other only."""

RUNNING: Final = frozenset({RolloutState.ROLLING, RolloutState.VERIFYING})


@dataclass(frozen=True, slots=True)
class Seen:
    """What is the case with a workload that we changed."""

    target: Workload
    progress: Progress
    in_place: bool
    """Whether nothing is left to write."""
    health: Health
    check: CheckSpec | None
    subject: str
    halts: bool
    """Whether a failed rollout is to be undone (rollout.haltOnFailure)."""
    now: datetime


def subject_of(policy: Policy, target: Workload, container: str) -> str:
    """Digest of the policy's spec and of the pod template, but for what we write into it."""
    template = target.raw["spec"]["template"]
    pod = dict(template.get("spec") or {})
    pod.pop("readinessGates", None)
    for field in ("containers", "initContainers"):
        listed = pod.get(field) or ()
        pod[field] = [_bare(each) if each["name"] == container else each for each in listed]
    about = [policy.metadata.name, policy.metadata.generation, template.get("metadata"), pod]
    text = json.dumps(about, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


def begin(
    target: Workload,
    container: Container,
    progress: Progress,
    health: Health,
    *,
    previous: RolloutReport | None,
    subject: str,
    now: datetime,
) -> RolloutReport:
    """The record of a change that is about to be written.

    While the `previous` one is not yet known to be good, what was there before that counts.
    """
    begun = RolloutReport(
        state=RolloutState.STARTING,
        since=stamp(now),
        subject=subject,
        available=progress.available,
        broken=health.counts.broken,
        # An empty object would be refused: server-side apply makes null of it (seen on 1.36).
        before={kind: found for kind in OWNED_KINDS if (found := container.probe(kind))} or None,
        ours=tuple(kind for kind in OWNED_KINDS if ours(target, container, kind)),
        gate=has_gate(target),
        generation=target.generation,
    )
    if previous is None or previous.state not in RUNNING:
        return begun
    kept = ("available", "broken", "before", "ours", "gate")
    return begun.model_copy(update={name: getattr(previous, name) for name in kept})


def written(record: RolloutReport, target: Workload, phase: Phase, now: datetime) -> RolloutReport:
    """The record once the change is written; where no pod is replaced for it, that was all."""
    rolls = phase not in (Phase.EMPTY, Phase.MANUAL)
    state = RolloutState.ROLLING if rolls else RolloutState.DONE
    return _to(record, state, now, generation=target.generation)


def step(record: RolloutReport | None, seen: Seen) -> RolloutReport | None:
    """The record as it has to be now; None: there is nothing to remember."""
    if record is None:
        return None
    match record.state:
        case RolloutState.STARTING:
            # We ended between saying so and doing it, or before writing down that it is done.
            done = seen.in_place and record.generation < seen.target.generation
            return written(record, seen.target, seen.progress.phase, seen.now) if done else None
        case RolloutState.ROLLING:
            return _rolling(record, seen)
        case RolloutState.VERIFYING:
            return _verifying(record, seen)
        case RolloutState.HALTED:
            return record if record.subject == seen.subject else None
        case _:
            return record


def look_again(record: RolloutReport | None, seen: Seen) -> float | None:
    """Seconds after which time alone may change the record; None: never."""
    if record is None or record.state not in RUNNING:
        return None
    verifying = record.state is RolloutState.VERIFYING
    limit = soak(seen.check) if verifying else patience(seen.target, seen.check)
    return max(1.0, limit - elapsed(record.since, seen.now) + 1.0)


def soak(check: CheckSpec | None) -> float:
    """Seconds after which a pod that does not serve would have been called Broken."""
    return check.failure_threshold * check.interval + check.timeout if check else 0.0


def patience(target: Workload, check: CheckSpec | None) -> float:
    """Seconds that replacing all pods may take, one after the other, each with its budget."""
    pod = target.raw["spec"]["template"].get("spec") or {}
    grace = float(pod.get("terminationGracePeriodSeconds") or DEFAULT_GRACE)
    load = check.startup_budget if check else 0.0
    return max(1, target.replicas) * (load + grace + SCHEDULING)


def _rolling(record: RolloutReport, seen: Seen) -> RolloutReport:
    late = elapsed(record.since, seen.now) > patience(seen.target, seen.check)
    if worse := _worse(record, seen):
        return _failed(record, seen, worse)
    match seen.progress.phase:
        case Phase.EMPTY | Phase.MANUAL:
            return _to(record, RolloutState.DONE, seen.now)
        case Phase.SETTLED:
            return _to(record, RolloutState.VERIFYING, seen.now, served=_all_serve(seen))
        case Phase.FAILED if late or not _loads(seen.health):
            return _failed(record, seen, f"ProgressDeadlineExceeded: {_stuck(seen)}")
        case Phase.ROLLING if late and not _has_deadline(seen.target):
            return _failed(record, seen, f"not complete in time: {_stuck(seen)}")
        case _:
            return record


def _verifying(record: RolloutReport, seen: Seen) -> RolloutReport:
    if record.subject != seen.subject:
        # Another policy or template: what is Broken by it is no longer about our change.
        return _to(record, RolloutState.DONE, seen.now)
    worse = _worse(record, seen)
    if worse and not (record.served and _never_restarted(seen)):
        return _failed(record, seen, worse)
    # What broke after it served, and not by a restart, no putting back of probes would mend: that
    # would only restart it. And somebody else's rollout, once begun, is no longer about ours.
    over = seen.progress.phase is not Phase.SETTLED
    if over or elapsed(record.since, seen.now) >= soak(seen.check):
        return _to(record, RolloutState.DONE, seen.now)
    return record.model_copy(update={"served": record.served or _all_serve(seen)})


def _failed(record: RolloutReport, seen: Seen, why: str) -> RolloutReport:
    if not record.available:
        message = f"{why} (no pod was available before either, so our probes stay)"
        return _to(record, RolloutState.DONE, seen.now, message=message)
    if not seen.halts:
        message = f"{why} (our probes stay: haltOnFailure is false)"
        return _to(record, RolloutState.DONE, seen.now, message=message)
    message = f"the rollout of our probes failed, the old ones were put back: {why}"
    if seen.target.kind == "StatefulSet":
        message += "; a pod of a StatefulSet that never became ready may have to be deleted by hand"
    return _to(record, RolloutState.HALTED, seen.now, message=message)


def _worse(record: RolloutReport, seen: Seen) -> str:
    broken = seen.health.counts.broken
    if broken <= record.broken:
        return ""
    told = seen.health.message or seen.health.reason
    return f"{broken} pods are Broken, {record.broken} were before: {told}"


def _all_serve(seen: Seen) -> bool:
    counts = seen.health.counts
    return 0 < max(1, seen.target.replicas) <= counts.total == counts.ready + counts.degraded


def _never_restarted(seen: Seen) -> bool:
    return not any(pod.restarts for pod in seen.health.pods if pod.verdict == Verdict.BROKEN)


def _loads(health: Health) -> bool:
    """Whether a pod is loading, and not merely waiting for a node."""
    waiting = sum(pod.reason == "PodPending" for pod in health.pods)
    return health.counts.loading > waiting


def _stuck(seen: Seen) -> str:
    """Why the rollout does not go on, with the remedy where one is known."""
    unscheduled = [
        p.message for p in seen.health.pods if p.reason == "PodPending" and "not sched" in p.message
    ]
    if not unscheduled:
        return seen.progress.message or "its new pods did not become available"
    return (
        f"a new pod finds no place beside the old ones ({unscheduled[0]}). Set the Deployment's "
        "strategy.rollingUpdate to maxSurge 0 and maxUnavailable 1, make room, or set "
        "spec.probes.mode: Initial"
    )


def _has_deadline(target: Workload) -> bool:
    deadline = target.raw["spec"].get("progressDeadlineSeconds")
    return target.kind == "Deployment" and deadline is not None and deadline < NO_DEADLINE


def _to(record: RolloutReport, state: RolloutState, now: datetime, **more: Any) -> RolloutReport:
    if message := more.get("message"):
        more["message"] = message[:MAX_MESSAGE]
    return record.model_copy(update={"state": state, "since": stamp(now), **more})


def _bare(container: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in container.items() if key not in OWNED_KINDS}
