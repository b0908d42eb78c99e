"""Which policy a workload belongs to: the first decision of every reconciliation. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from inferencehealth.api.policy import Policy
from inferencehealth.api.target import Target
from inferencehealth.controller.reading import Unreadable
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


def claim(
    policies: Iterable[Policy], workloads: Iterable[Workload], unreadable: Iterable[Unreadable] = ()
) -> Claims:
    """Give each workload to the oldest policy that selects it.

    Age is the API server's creationTimestamp; among equals the name decides, so that the outcome
    does not depend on the order in which anybody listed them. A policy that can't be read does
    nothing, but what it selects is not given to a younger one either.
    """
    readable = tuple(policies)
    claimants = [(p.metadata, p.spec.target) for p in readable]
    claimants += [(bad.metadata, bad.target) for bad in unreadable if bad.target]
    by_age = sorted(claimants, key=lambda c: (c[0].creation_timestamp, c[0].name))
    held: dict[str, list[Workload]] = {p.metadata.name: [] for p in readable}
    lost: dict[str, list[LostClaim]] = {p.metadata.name: [] for p in readable}
    for workload in sorted(workloads, key=lambda w: (w.kind, w.name)):
        names = [meta.name for meta, target in by_age if _selects(target, workload)]
        holder, *losers = names or [""]
        if holder in held:
            held[holder].append(workload)
        for loser in losers:
            if loser in lost:
                lost[loser].append(LostClaim(workload.ref, holder))
    return Claims(
        {name: tuple(found) for name, found in held.items()},
        {name: tuple(found) for name, found in lost.items()},
    )


def selects(policy: Policy, workload: Workload) -> bool:
    """Whether the policy's target is about this workload (both of one namespace)."""
    return _selects(policy.spec.target, workload)


def _selects(target: Target, workload: Workload) -> bool:
    return workload.kind in target.kinds and matches(target.selector, workload.labels)
