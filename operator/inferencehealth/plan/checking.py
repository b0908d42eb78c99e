"""What the checkers are asked to check, made from the policy and what was detected."""

from inferencehealth.api.canary import Canary, CanaryMode
from inferencehealth.api.policy import Policy
from inferencehealth.api.probes import Mode
from inferencehealth.api.report import CheckSpec
from inferencehealth.api.server import Components, Models, RequiredModel
from inferencehealth.api.target import Selector
from inferencehealth.kubelet import numbers_of, startup_allowance, worst_detection
from inferencehealth.plan.endpoints import port_number, with_numbers
from inferencehealth.probes.effect import effective
from inferencehealth.probes.merge import ProbePlan
from inferencehealth.profiles.detect import Detected
from inferencehealth.profiles.profile import Profile
from inferencehealth.workloads import Workload


def check_spec(policy: Policy, workload: Workload, detected: Detected) -> CheckSpec:
    """Everything a checker has to know; what the policy leaves open comes from the profile."""
    spec, profile = policy.spec, detected.profile
    return CheckSpec(
        profile=profile.name,
        container=detected.container.name,
        port=detected.port,
        metrics_port=profile.metrics_port(detected.container),
        pod_selector=Selector.model_validate(dict(workload.selector)),
        group_size=workload.group_size if workload.group_size > 1 else None,
        models=_models(spec.server.models, detected),
        components=_components(spec.server.components, profile),
        endpoints=with_numbers(spec.server.endpoints, detected.container),
        interval=spec.checks.interval,
        timeout=spec.checks.timeout,
        failure_threshold=spec.checks.failure_threshold,
        success_threshold=spec.checks.success_threshold,
        startup_budget=spec.probes.budgets.max_startup or profile.budgets.max_startup,
        scheme=spec.server.scheme,
        tls=spec.server.tls,
        keep_alive=spec.checks.keep_alive,
        canary=_canary(spec.checks.canary, detected),
        gate=spec.checks.readiness_gate_limits if _is_gated(policy) else None,
    )


def _canary(asked: Canary, detected: Detected) -> Canary | None:
    """The canary with the number of its port; None where none is to be sent."""
    unknown = asked.mode is CanaryMode.AUTO and detected.profile.canary is None
    if asked.mode is CanaryMode.OFF or unknown:
        return None
    return asked.model_copy(update={"port": port_number(asked.port, detected.container)})


def _is_gated(policy: Policy) -> bool:
    writes = policy.spec.probes.mode in (Mode.INITIAL, Mode.APPLY)
    return policy.spec.checks.readiness_gate and writes


def startup_budget(check: CheckSpec, policy: Policy, probes: tuple[ProbePlan, ...]) -> float:
    """Seconds that a pod may take to load: the policy's word, else what its startup probe allows.

    The checker then calls a pod stuck in loading broken about when the kubelet restarts it.
    """
    startup = effective(probes[0]) or probes[0].wanted
    if policy.spec.probes.budgets.max_startup is not None or not startup:
        return check.startup_budget
    return float(startup_allowance(numbers_of(startup))) or check.startup_budget


def kubelet_lag(probes: tuple[ProbePlan, ...]) -> float:
    """Seconds by which the kubelet may see a pod break, or serve, later than it happens."""
    startup, _, readiness = map(effective, probes)
    if not readiness:
        return 0.0
    numbers = numbers_of(readiness)
    turns = (readiness.get("successThreshold") or 1) * max(numbers.period, numbers.timeout)
    before = numbers_of(startup).period if startup else 0
    return max(worst_detection(numbers), before + numbers.initial_delay + turns)


def _models(asked: Models, detected: Detected) -> Models:
    """The policy's models; where it names none, those that the server was started for."""
    if asked.required:
        return asked
    named = detected.profile.listed_as_named or detected.profile.named_models
    names = named(detected.container)
    return Models(
        required=tuple(RequiredModel(name=name) for name in names), discover=asked.discover
    )


def _components(asked: Components, profile: Profile) -> Components:
    """The policy's components; the profile's own where it names none as required."""
    own = profile.components
    required = asked.required or own.required
    optional = asked.optional or own.optional
    return Components(
        required=required, optional=tuple(name for name in optional if name not in required)
    )
