"""Which of the policies in files is about a workload."""

from collections.abc import Iterable

from inferencehealth.api.policy import Policy
from inferencehealth.kube.selectors import matches
from inferencehealth.workloads import Workload


def policy_for(target: Workload, policies: Iterable[Policy]) -> Policy | None:
    """The first policy that selects the workload; a namespace left out fits any."""
    return next((policy for policy in policies if _selects(policy, target)), None)


def _selects(policy: Policy, target: Workload) -> bool:
    spaces = (policy.metadata.namespace, target.namespace)
    if all(spaces) and spaces[0] != spaces[1]:
        return False
    asked = policy.spec.target
    return target.kind in asked.kinds and matches(asked.selector, target.labels)
