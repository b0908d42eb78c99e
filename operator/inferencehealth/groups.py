"""A LeaderWorkerSet as a workload, and its pods as groups: one leader that serves, and its workers.

A large model on several nodes is one server in many pods. Only the leader answers requests, so it
alone is planned for, checked and counted; a group without one of its workers does not serve.

Sources: sigs.k8s.io/lws api/leaderworkerset/v1 (labels, defaults), pkg/controllers (names of pods)
and pkg/webhooks/pod_webhook.go (labels of pods), v0.7.0.
"""

from collections.abc import Mapping
from typing import Any, Final

LEADER_WORKER_SET: Final = "LeaderWorkerSet"

SET_NAME: Final = "leaderworkerset.sigs.k8s.io/name"
GROUP_INDEX: Final = "leaderworkerset.sigs.k8s.io/group-index"
WORKER_INDEX: Final = "leaderworkerset.sigs.k8s.io/worker-index"
LEADER: Final = "0"
"""Value of WORKER_INDEX on the leader of a group."""

_TEMPLATE = "leaderWorkerTemplate"


def as_workload_spec(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The spec of a LeaderWorkerSet in the shape of a Deployment's: its leaders' pods.

    Raises KeyError where the object lacks what the API server demands of it.
    """
    spec, templates = raw["spec"], raw["spec"][_TEMPLATE]
    labels = {SET_NAME: raw["metadata"]["name"], WORKER_INDEX: LEADER}
    return {
        **spec,
        "selector": {"matchLabels": labels},
        "template": templates.get("leaderTemplate") or templates["workerTemplate"],
    }


def group_size(raw: Mapping[str, Any]) -> int:
    """Pods of one group, its leader included; 1 for a workload whose pods each serve alone."""
    size = ((raw.get("spec") or {}).get(_TEMPLATE) or {}).get("size")
    return size if isinstance(size, int) and size > 0 else 1


def leaders_at(raw: Mapping[str, Any]) -> tuple[str, ...]:
    """Where a LeaderWorkerSet has the pod that leads; empty where its workers are made alike."""
    if has_leader_template(raw):
        return "spec", _TEMPLATE, "leaderTemplate", "spec"
    return () if group_size(raw) > 1 else ("spec", _TEMPLATE, "workerTemplate", "spec")


def has_leader_template(raw: Mapping[str, Any]) -> bool:
    """Whether leaders are made from a template of their own, and not like workers."""
    return bool(((raw.get("spec") or {}).get(_TEMPLATE) or {}).get("leaderTemplate"))


def is_worker(labels: Mapping[str, str]) -> bool:
    """Whether a pod with these labels works for the leader of its group."""
    return labels.get(WORKER_INDEX, LEADER) != LEADER and SET_NAME in labels


def leader_name(labels: Mapping[str, str]) -> str:
    """Name of the pod that leads the group of a pod with these labels."""
    return f"{labels.get(SET_NAME)}-{labels.get(GROUP_INDEX)}"
