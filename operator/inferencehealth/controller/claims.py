"""Which policy a workload belongs to: the first decision of every reconciliation. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from inferencehealth.api.policy import Policy
from inferencehealth.kube.selectors import matches
from inferencehealth.workloads import Workload


@dataclass(frozen=True, slots=True)
class LostClaim:
    """A workload that a policy selects but that an older policy holds."""

    workload: str
    holder: str


@dataclass(frozen=True, slots=True)
class Claims:
    """The outcome of all policies of one namespace."""

    held: Mapping[str, tuple[Workload, ...]]
    """By policy name: the workloads that it holds, by kind and name."""
    lost: Mapping[str, tuple[LostClaim, ...]]
    """By policy name: the workloads that it selects in vain."""


def claim(policies: Iterable[Policy], workloads: Iterable[Workload]) -> Claims:
    """Give each workload to the oldest policy that selects it.

    Age is the API server's creationTimestamp; among equals the name decides, so that the outcome
    does not depend on the order in which anybody listed them.
    """
    by_age = sorted(policies, key=lambda p: (p.metadata.creation_timestamp, p.metadata.name))
    held: dict[str, list[Workload]] = {p.metadata.name: [] for p in by_age}
    lost: dict[str, list[LostClaim]] = {p.metadata.name: [] for p in by_age}
    for workload in sorted(workloads, key=lambda w: (w.kind, w.name)):
        holder, *losers = [p.metadata.name for p in by_age if selects(p, workload)] or [""]
        if holder:
            held[holder].append(workload)
        for loser in losers:
            lost[loser].append(LostClaim(workload.ref, holder))
    return Claims(
        {name: tuple(found) for name, found in held.items()},
        {name: tuple(found) for name, found in lost.items()},
    )


def selects(policy: Policy, workload: Workload) -> bool:
    """Whether the policy's target is about this workload (both of one namespace)."""
    target = policy.spec.target
    return workload.kind in target.kinds and matches(target.selector, workload.labels)
