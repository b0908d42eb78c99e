"""Workloads that are there, with their plans, as what joins their next rollout. Pure."""

from collections.abc import Callable

from inferencehealth.admission.compiled import Known
from inferencehealth.admission.facts import facts
from inferencehealth.admission.mutations import Joining, Rule
from inferencehealth.api.policy import Policy
from inferencehealth.api.probes import Existing
from inferencehealth.kubelet import same_probe
from inferencehealth.plan import Action, Plan
from inferencehealth.probes.merge import ProbePlan
from inferencehealth.probes.ownership import containers_field
from inferencehealth.workloads import Workload

IN_GATE = frozenset({Action.JOIN, Action.IN_PLACE})
"""What the plan says of a readiness gate that the pods shall have."""


def known(policy: Policy, target: Workload, look: Callable[[Workload], Plan]) -> Known | None:
    """What joins the workload's next rollout; None where nothing is planned for it, or is to join.

    Also what is in place already: a client that writes the whole object sends it without.
    """
    planned = look(target)
    server = next((c for c in target.containers if c.name == planned.detection.container), None)
    if server is None or target.owner is not None:
        return None
    always = policy.spec.probes.existing is Existing.REPLACE
    probes = tuple(joins for each in planned.probes if (joins := _joining(each, always=always)))
    gate = planned.gate.action in IN_GATE
    if not probes and not gate:
        return None
    rule = Rule(containers_field(server), server.name, probes, gate)
    return Known(target.kind, target.name, rule, facts(target, server, look))


def _joining(probe: ProbePlan, *, always: bool) -> Joining | None:
    stale = probe.existing if probe.ours and not same_probe(probe.existing, probe.wanted) else None
    if probe.wanted is None:
        return Joining(probe.kind, None, former=stale, standing=stale) if stale else None
    standing = probe.existing if probe.ours else None
    return Joining(probe.kind, probe.wanted, former=stale, standing=standing, always=always)
