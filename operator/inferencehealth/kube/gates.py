"""Sets the readiness gate of one pod: the only thing we ever write on a user's pod.

Both programs write it: the checker by its verdicts, the controller when no checker is left.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from inferencehealth.api.names import READINESS_GATE
from inferencehealth.kube.client import Client
from inferencehealth.kube.errors import Invalid, NotFound
from inferencehealth.kube.requests import PODS, JsonObject
from inferencehealth.kube.retries import Limits

MAX_MESSAGE: Final = 1024
"""Characters of a condition's message that are worth keeping on a pod."""
LIMITS: Final = Limits(attempt=5.0, retry_for=0.0)
"""One attempt: by the time of a repetition the gate may have to stand otherwise."""


@dataclass(frozen=True, slots=True)
class Gate:
    """How a pod's gate should stand, why, and since when (epoch seconds)."""

    open: bool
    reason: str
    message: str
    since: float


@dataclass(frozen=True, slots=True)
class PodName:
    """One pod; its UID keeps a write from meeting another one of the same name."""

    namespace: str
    name: str
    uid: str


async def set_gate(client: Client, pod: PodName, gate: Gate, *, manager: str) -> None:
    """Set the condition on the pod's status, next to the kubelet's.

    Conditions are a list by type, so an apply of this one leaves the others alone. Forced: the
    condition is ours by its name, whichever of our programs wrote it last. Raises NotFound
    where the pod is gone, also where another one has its name by now, and KubeError.
    """
    try:
        await client.apply(
            PODS,
            pod.name,
            gate_body(pod, gate),
            namespace=pod.namespace,
            manager=manager,
            force=True,
            subresource="status",
            limits=LIMITS,
        )
    except Invalid as error:
        if not any(cause.field == "metadata.uid" for cause in error.causes):
            raise
        raise NotFound(404, "NotFound", f"pod {pod.name} is another one by now") from error


def gate_body(pod: PodName, gate: Gate) -> JsonObject:
    """The apply configuration of the condition."""
    return {
        "metadata": {"name": pod.name, "namespace": pod.namespace, "uid": pod.uid},
        "status": {
            "conditions": [
                {
                    "type": READINESS_GATE,
                    "status": "True" if gate.open else "False",
                    "reason": gate.reason,
                    "message": gate.message[:MAX_MESSAGE],
                    "lastTransitionTime": _rfc3339(gate.since),
                }
            ]
        },
    }


def _rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
