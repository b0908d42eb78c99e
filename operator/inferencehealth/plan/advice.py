"""The findings of a plan: the rules of `findings`, asked about one workload."""

from inferencehealth.api.policy import Policy
from inferencehealth.api.report import CheckSpec, Finding
from inferencehealth.findings.catalogue import RULES
from inferencehealth.findings.profiles import of_profile
from inferencehealth.findings.rule import SEVERITIES, Facts, findings
from inferencehealth.probes.compile import CompiledSet
from inferencehealth.probes.merge import ProbePlan
from inferencehealth.profiles.detect import Detected
from inferencehealth.profiles.profile import Handlers
from inferencehealth.workloads import Workload


def advise(
    *,
    policy: Policy,
    workload: Workload,
    detected: Detected,
    check: CheckSpec,
    handlers: Handlers,
    compiled: CompiledSet,
    probes: tuple[ProbePlan, ...],
    observed: float | None = None,
) -> tuple[Finding, ...]:
    """All findings about the workload and its server's container, the worst first.

    `observed` is how long loading was seen to take, in seconds.
    """
    facts = Facts(
        workload=workload,
        container=detected.container,
        profile=detected.profile,
        port=detected.port,
        policy=policy,
        check=check,
        handlers=handlers,
        compiled=compiled,
        probes=probes,
        observed=observed,
    )
    found = (*findings(RULES, facts), *of_profile(facts))
    return tuple(sorted(found, key=lambda one: SEVERITIES.index(one.severity)))
