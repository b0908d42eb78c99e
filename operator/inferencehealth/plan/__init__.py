"""The one brain: what a policy means for a workload. Pure; controller, CLI and tests call it."""

from inferencehealth.plan.planning import Plan, apply_operations, plan
from inferencehealth.plan.reporting import by_kind, probes_report
from inferencehealth.probes.merge import Action, ProbePlan
from inferencehealth.probes.writes import JsonPatch, SsaApply
from inferencehealth.problems import Problem

__all__ = [
    "Action",
    "JsonPatch",
    "Plan",
    "ProbePlan",
    "Problem",
    "SsaApply",
    "apply_operations",
    "by_kind",
    "plan",
    "probes_report",
]
