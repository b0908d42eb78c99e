"""Readiness gates as they are seen: of a pod its condition, of a template whether it is there."""

from dataclasses import dataclass

from e2e.story import seen
from e2e.story.seen import Pod
from e2e.story.stage import Stage
from inferencehealth.api.names import READINESS_GATE


@dataclass(frozen=True, slots=True)
class Seen:
    """A pod's gate, and what the kubelet's own probes say beside it. Statuses are words."""

    status: str
    reason: str
    probes_pass: bool


NONE = Seen("", "", probes_pass=False)


def of_pods(stage: Stage, app: str) -> dict[str, Seen]:
    """The gates of an app's pods, by the pods' names; of those that carry one."""
    found = {}
    for raw in stage.items("pods", f"--selector=app={app}"):
        gates = [gate["conditionType"] for gate in raw["spec"].get("readinessGates", [])]
        if READINESS_GATE in gates and "deletionTimestamp" not in raw["metadata"]:
            conditions = {c["type"]: c for c in raw["status"].get("conditions", [])}
            ours = conditions.get(READINESS_GATE, {})
            found[raw["metadata"]["name"]] = Seen(
                ours.get("status", ""),
                ours.get("reason", ""),
                conditions.get("ContainersReady", {}).get("status") == "True",
            )
    return found


def in_template(stage: Stage, deployment: str) -> bool:
    """Whether a Deployment's pods are made with our gate."""
    spec = stage.look("deployment", deployment)["spec"]["template"]["spec"]
    return READINESS_GATE in [gate["conditionType"] for gate in spec.get("readinessGates", [])]


def becomes(stage: Stage, pod: Pod, status: str, *reasons: str, within: float) -> Seen:
    """The pod's gate once it is open ("True") or closed ("False"), for one of these reasons."""
    return stage.eventually(
        f"gate of {pod.name}: {status} {' or '.join(reasons)}".rstrip(),
        lambda: of_pods(stage, pod.app).get(pod.name, NONE),
        lambda gate: gate.status == status and (not reasons or gate.reason in reasons),
        within=within,
    )


def traffic_is(stage: Stage, service: str, *pods: Pod, within: float) -> None:
    """Return once the Service sends traffic to these pods and no other."""
    wanted = frozenset(pod.name for pod in pods)
    stage.eventually(
        f"service/{service} sends traffic to {', '.join(sorted(wanted)) or 'nobody'} alone",
        lambda: seen.in_traffic(stage, service),
        lambda names: names == wanted,
        within=within,
        show=lambda names: f"ready endpoints: {', '.join(sorted(names)) or 'none'}",
    )
