"""The policy for whoever gives none: every probe that is missing, none of the author's touched."""

from inferencehealth.api.names import API_VERSION, POLICY_KIND
from inferencehealth.api.policy import Policy
from inferencehealth.api.target import WorkloadKind

DEFAULT_POLICY = "default"


def default_policy(namespace: str = "", *, replace: bool = False) -> Policy:
    """A policy in mode Apply over every workload of the namespace.

    With `replace`, the author's own probes give way as well.
    """
    return Policy.model_validate(
        {
            "apiVersion": API_VERSION,
            "kind": POLICY_KIND,
            "metadata": {"name": DEFAULT_POLICY, "namespace": namespace},
            "spec": {
                "target": {"kinds": [kind.value for kind in WorkloadKind], "selector": {}},
                "probes": {"mode": "Apply", "existing": "Replace" if replace else "Keep"},
            },
        }
    )
