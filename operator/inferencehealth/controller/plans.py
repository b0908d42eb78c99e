"""Plans, made once: a run looks at every workload of a namespace, and few of them have changed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from inferencehealth.api.policy import Policy
from inferencehealth.api.report import ProbesReport, Startup
from inferencehealth.plan import Plan, plan
from inferencehealth.workloads import Workload


@dataclass(frozen=True, slots=True)
class Plans:
    """The latest plan of each workload, good for exactly what it was made from."""

    _made: dict[str, tuple[tuple[Any, ...], Plan]] = field(default_factory=dict)

    def of(
        self,
        policy: Policy,
        target: Workload,
        previous: ProbesReport,
        observed: Sequence[Startup],
    ) -> Plan:
        """What the policy means for the workload."""
        meta = policy.metadata
        version = target.raw["metadata"].get("resourceVersion")
        basis = (meta.uid, meta.generation, version, previous, tuple(observed))
        known = self._made.get(target.uid)
        if known and version and known[0] == basis:
            return known[1]
        made = plan(policy, target, previous, observed)
        self._made[target.uid] = (basis, made)
        return made

    def forget(self, uid: str) -> None:
        """Drop the plan of a workload that is let go."""
        self._made.pop(uid, None)
