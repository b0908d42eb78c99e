"""Policies as those who may claim a workload: the first question at admission. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from inferencehealth.api.policy import Policy
from inferencehealth.api.target import Target
from inferencehealth.kube.selectors import matches
from inferencehealth.workloads import Workload


@dataclass(frozen=True, slots=True)
class Claimant:
    """A policy by its age and its target. `policy` is None where the rest can't be read."""

    created: str
    name: str
    target: Target
    policy: Policy | None

    @property
    def rank(self) -> tuple[str, str]:
        """The lower one wins: the older, then by name."""
        return self.created, self.name

    def selects(self, workload: Workload) -> bool:
        """Whether its target is about this workload (both of one namespace)."""
        return workload.kind in self.target.kinds and matches(self.target.selector, workload.labels)


def claimant(raw: Mapping[str, Any]) -> Claimant | None:
    """The claimant that an object is; None where it claims nothing: unreadable, or being deleted.

    A policy whose target alone can be read still keeps younger ones from what it selects.
    """
    meta = raw["metadata"]
    if meta.get("deletionTimestamp"):
        return None
    created, name = meta.get("creationTimestamp") or "", meta["name"]
    try:
        policy = Policy.model_validate(raw)
    except ValidationError:
        return _by_target(raw, created, name)
    return Claimant(created, name, policy.spec.target, policy)


def _by_target(raw: Mapping[str, Any], created: str, name: str) -> Claimant | None:
    try:
        target = Target.model_validate((raw.get("spec") or {}).get("target"))
    except (ValidationError, AttributeError):
        return None
    return Claimant(created, name, target, None)


def holder(claimants: Iterable[Claimant], workload: Workload) -> Policy | None:
    """The policy that holds the workload, of all of its namespace; None: nobody's."""
    selecting = [each for each in claimants if each.selects(workload)]
    return min(selecting, key=lambda each: each.rank).policy if selecting else None
