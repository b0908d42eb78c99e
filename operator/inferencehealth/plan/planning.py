"""From policy and workload to a plan: detect, compile numbers, decide about each probe, advise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from inferencehealth.api.policy import Policy
from inferencehealth.api.probes import Mode, Strategy
from inferencehealth.api.report import CheckSpec, Detection, Finding, ProbesReport, Startup
from inferencehealth.findings.ownership import leaders_take_probes, owned_by_controller
from inferencehealth.groups import LEADER_WORKER_SET
from inferencehealth.kubelet import Handler, Numbers, hung_grace, numbers_of, probe
from inferencehealth.plan.admitted import admitted
from inferencehealth.plan.advice import advise
from inferencehealth.plan.canary import canary_problems
from inferencehealth.plan.checking import check_spec, kubelet_lag, startup_budget
from inferencehealth.plan.endpoints import endpoint_problems
from inferencehealth.probes.compile import Compiled, CompiledSet, Defaults, compile_probes
from inferencehealth.probes.gates import NO_GATE, GatePlan, gate_findings, plan_gate
from inferencehealth.probes.learned import observed_load
from inferencehealth.probes.merge import ProbePlan, decide
from inferencehealth.probes.owners import gave
from inferencehealth.probes.ownership import ours
from inferencehealth.probes.writes import JsonPatch, SsaApply, recommended_patch, write_of
from inferencehealth.problems import Problem
from inferencehealth.profiles.detect import Detected, detect
from inferencehealth.profiles.profile import Asked, Handlers, Profile
from inferencehealth.workloads import OWNED_KINDS, Container, Workload


@dataclass(frozen=True, slots=True)
class Plan:
    """What a policy means for one workload.

    `check` is None when it is not known what to check; `probes` is empty when a problem keeps
    them from being planned, else one for each of OWNED_KINDS in that order; `gate` is what happens
    to the readiness gate; `patch` is what would change, for `kubectl patch`.
    """

    detection: Detection = field(default=Detection())
    check: CheckSpec | None = None
    probes: tuple[ProbePlan, ...] = ()
    gate: GatePlan = NO_GATE
    findings: tuple[Finding, ...] = ()
    problems: tuple[Problem, ...] = ()
    patch: dict[str, Any] | None = None


def plan(
    policy: Policy,
    workload: Workload,
    previous: ProbesReport | None = None,
    observed: Sequence[Startup] = (),
    *,
    advised: bool = True,
) -> Plan:
    """What the policy means for the workload; never raises for objects that the API accepts.

    `previous` is what the workload's report says of its probes: by it, those that admission gave
    the workload in our name are known again when the plan has changed. `observed` is what the
    report says of how long the pods took to load. Without `advised` the findings are left out, for
    admission, which has to be quick.
    """
    spec = policy.spec
    owned = owned_by_controller(workload)
    detected = detect(workload, spec.server, spec.target.container)
    if isinstance(detected, Problem):
        return Plan(findings=owned, problems=(detected,))
    detection = _detection(detected)
    container = detected.container
    problems = endpoint_problems(policy, container) + canary_problems(policy, container)
    if problems:
        return Plan(detection, findings=owned, problems=problems)
    check = check_spec(policy, workload, detected)
    load = observed_load(observed, detected.container.image)
    defaults = _defaults(detected.profile)
    if spec.probes.learn_startup:
        standing = _standing(workload, detected, previous)
        defaults = replace(defaults, load=load, standing=standing)
    compiled = compile_probes(spec.probes, defaults)
    if isinstance(compiled, Problem):
        return Plan(detection, check, findings=owned, problems=(compiled,))
    handlers = detected.profile.handlers(_asked(policy, detected, check, compiled))
    probes = _probes(
        policy, workload, detected, handlers=handlers, compiled=compiled, previous=previous
    )
    gate = plan_gate(workload, asked=check.gate is not None, mode=spec.probes.mode)
    findings: tuple[Finding, ...] = ()
    if advised:
        findings = (
            *owned_by_controller(workload, detected.container, probes),
            *leaders_take_probes(workload, detected.container, probes),
            *advise(
                policy=policy,
                workload=workload,
                detected=detected,
                check=check,
                handlers=handlers,
                compiled=compiled,
                probes=probes,
                observed=load.p90 if load else None,
            ),
            *gate_findings(gate, workload),
        )
    return Plan(
        detection=detection,
        check=check.model_copy(
            update={
                "startup_budget": startup_budget(check, policy, probes),
                "kubelet_lag": kubelet_lag(probes),
            }
        ),
        probes=probes,
        gate=gate,
        findings=findings,
        patch=_patch(workload, detected.container, probes, gate),
    )


def apply_operations(planned: Plan, workload: Workload) -> SsaApply | JsonPatch | None:
    """The one write that brings the plan's probes about; None where there is nothing to write."""
    name = planned.detection.container
    container = next((c for c in workload.containers if c.name == name), None)
    return write_of(workload, container, planned.probes, planned.gate) if container else None


def _detection(detected: Detected) -> Detection:
    return Detection(
        profile=detected.profile.name,
        container=detected.container.name,
        port=detected.port,
        confidence=detected.confidence,
        reason=detected.reason,
    )


def _defaults(profile: Profile) -> Defaults:
    documented = profile.documented
    return Defaults(
        server=profile.title,
        max_startup=profile.budgets.max_startup,
        stop_traffic_after=profile.budgets.stop_traffic_after,
        restart_after=profile.budgets.restart_after,
        liveness_timeout=profile.budgets.liveness_timeout,
        readiness_timeout=profile.budgets.readiness_timeout,
        documented_liveness=documented.liveness if documented else None,
        documented_readiness=documented.readiness if documented else None,
    )


def _only_joined(workload: Workload, mode: Mode) -> bool:
    """Whether the workload is of a kind that is never changed itself, whatever the mode."""
    return workload.kind == LEADER_WORKER_SET and mode is not Mode.INITIAL


def _patch(
    workload: Workload, container: Container, probes: tuple[ProbePlan, ...], gate: GatePlan
) -> dict[str, Any] | None:
    """What would change; None for a LeaderWorkerSet: no such patch is good for custom resources."""
    if workload.kind == LEADER_WORKER_SET:
        return None
    return recommended_patch(container, probes, gate)


def _standing(
    workload: Workload, detected: Detected, previous: ProbesReport | None
) -> Numbers | None:
    """The numbers of our own startup probe that is in place."""
    container, kind = detected.container, "startupProbe"
    existing = container.probe(kind)
    if not existing:
        return None
    mine = ours(workload, container, kind) or admitted(workload, container, kind, None, previous)
    return numbers_of(existing) if mine else None


def _asked(policy: Policy, detected: Detected, check: CheckSpec, compiled: CompiledSet) -> Asked:
    return Asked(
        port=detected.port,
        required_models=check.models.required,
        endpoints=policy.spec.server.endpoints,
        port_name=detected.port_name,
        liveness_timeout=compiled.liveness.numbers.timeout,
        environment=detected.container.variables,
    )


def _probes(
    policy: Policy,
    workload: Workload,
    detected: Detected,
    *,
    handlers: Handlers,
    compiled: CompiledSet,
    previous: ProbesReport | None,
) -> tuple[ProbePlan, ...]:
    process = policy.spec.probes.liveness.strategy is Strategy.PROCESS
    wanted: Mapping[str, tuple[Handler, Compiled | None]] = {
        "startupProbe": (handlers.startup, compiled.startup),
        "livenessProbe": (handlers.process if process else handlers.liveness, compiled.liveness),
        "readinessProbe": (handlers.readiness, compiled.readiness),
    }
    return tuple(
        _probe(policy, workload, detected, kind=kind, deserved=wanted[kind], previous=previous)
        for kind in OWNED_KINDS
    )


def _probe(
    policy: Policy,
    workload: Workload,
    detected: Detected,
    *,
    kind: str,
    deserved: tuple[Handler, Compiled | None],
    previous: ProbesReport | None,
) -> ProbePlan:
    handler, compiled = deserved
    asked, container = policy.spec.probes, detected.container
    existing = container.probe(kind)
    wanted = probe(handler, compiled.numbers) if compiled else None
    mine = ours(workload, container, kind) or admitted(workload, container, kind, wanted, previous)
    hung = hung_grace(workload.grace) if kind == "livenessProbe" else None
    if wanted and hung is not None:
        wanted["terminationGracePeriodSeconds"] = hung
    action = decide(
        mode=asked.mode,
        policy=asked.existing,
        wanted=wanted,
        existing=existing,
        ours=mine or gave(workload, container, kind),
        hands_off=workload.owner is not None or _only_joined(workload, asked.mode),
    )
    reason = compiled.reason if compiled else f"{detected.profile.title} documents none"
    if hung is not None:
        reason += (
            f"; a hung process then has {hung}s to end, not the {workload.grace}s in which the pod "
            "drains"
        )
    return ProbePlan(kind, wanted, action, existing, mine, reason)
