"""Whether what somebody waits for is reached, and what is seen meanwhile. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from inferencehealth.api.conditions import ConditionStatus
from inferencehealth.api.policy import Policy
from inferencehealth.checks.verdicts import SERVING, Verdict
from inferencehealth.controller.reading import Unreadable
from inferencehealth.status.tree import PolicyNode, WorkloadNode

READY: Final = "Ready"
CONDITIONS: Final = (READY, "ProbesInjected", "ProbesConflicted", "Reconciling", "Stalled")
"""What can be waited for of a policy."""
VERDICTS: Final = tuple(verdict.value for verdict in Verdict)
"""What can be waited for of a workload or a server; Ready means Ready or Degraded."""
MAX_COMMANDS: Final = 3
"""Commands that are told after waiting in vain."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What one look showed. `state` is a verdict, or the status of a condition."""

    reached: bool
    state: str
    reason: str
    message: str
    next: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """It in one line."""
        reason = f" {self.reason}" if self.reason not in {"", self.state} else ""
        return f"{self.state}{reason}" + (f": {self.message}" if self.message else "")


GONE: Final = Sight(False, "Unknown", "NotFound", "the policy is not there any more")


def meets(goal: str, verdict: Verdict) -> bool:
    """Whether the verdict is what is waited for."""
    return verdict in SERVING if goal == READY else verdict.value == goal


def of_policy(goal: str, policy: Policy | Unreadable, node: PolicyNode) -> Sight:
    """A condition of a policy, said of its present spec.

    Ready has to be what the controller says and what the reports show now: a controller or a
    checker that is gone leaves a status that is green for ever.
    """
    status = policy.status
    said = next((c for c in status.conditions if c.type == goal), None)
    current = status.observed_generation >= policy.metadata.generation
    commands = _commands(node)
    if said is None or not current:
        told = "the controller has not said so yet of this version of the policy"
        return Sight(False, "Unknown", "NotReconciled", told, commands)
    holds = said.status is ConditionStatus.TRUE
    if goal == READY and node.ready != said.status.value:
        # Reports are ahead of the status, or nobody stands behind them any more.
        return Sight(False, f"{goal}={node.ready}", node.reason, node.message, commands)
    return Sight(holds, f"{goal}={said.status.value}", said.reason, said.message, commands)


def of_workload(goal: str, node: WorkloadNode | None) -> Sight:
    """The verdict on a workload; for Ready all pods that it wants have to serve."""
    if node is None:
        told = "there is no report on it: no policy selects it, or the controller does not run"
        return Sight(False, Verdict.UNKNOWN.value, "NoReport", told)
    reached = not node.short and node.serving > 0 if goal == READY else node.verdict == goal
    facts = f"{node.serving} of {max(node.total, node.desired)} pods serve"
    message = f"{facts}; {node.message}" if node.message else facts
    return Sight(reached, node.verdict, node.reason, message, _of(node))


def _commands(node: PolicyNode) -> tuple[str, ...]:
    found = [*node.next, *(c for w in node.workloads for c in _of(w))]
    return _first(found)


def _of(node: WorkloadNode) -> tuple[str, ...]:
    return _first([*node.next, *(c for pod in node.pods for c in pod.next)])


def _first(commands: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(commands))[:MAX_COMMANDS]
