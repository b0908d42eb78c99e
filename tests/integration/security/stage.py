"""A node for a namespace: its pods run at one address and pass the kubelet's probes."""

from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from functools import partial

from inferencehealth.api.names import READINESS_GATE
from inferencehealth.kube.client import Client
from tests.integration.kubelet import playing_kubelets
from tests.integration.objects import Raw


def kubelet(client: Client, namespace: str, address: str) -> AbstractAsyncContextManager[None]:
    """Every pod runs at this address and passes the kubelet's probes; with a gate it is ready as
    soon as that is open."""
    return playing_kubelets(client, namespace, partial(_says, address))


def _says(address: str, pod: Raw) -> Raw | None:
    """What the kubelet would say now; None if it has."""
    said = {c["type"]: c["status"] for c in pod["status"].get("conditions") or ()}
    gated = bool(pod["spec"].get("readinessGates"))
    ready = "True" if not gated or said.get(READINESS_GATE) == "True" else "False"
    if said.get("Ready") == ready and pod["status"].get("podIP") == address:
        return None
    time = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    names = [each["name"] for each in pod["spec"]["containers"]]
    return {
        "phase": "Running",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "conditions": [
            {"type": "ContainersReady", "status": "True", "lastTransitionTime": time},
            {"type": "Ready", "status": ready, "lastTransitionTime": time},
        ],
        "containerStatuses": [
            {
                "name": name,
                "image": "x",
                "imageID": "",
                "ready": True,
                "started": True,
                "restartCount": 0,
                "state": {"running": {"startedAt": time}},
            }
            for name in names
        ],
    }
