"""Kubelets for a whole namespace: pods become Ready as the test says."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from inferencehealth.kube.client import Client
from tests.integration.kubelet import playing_kubelets
from tests.integration.objects import Raw

Serves = Callable[[Raw], bool]
READY = {"type": "Ready", "status": "True"}


def always(_: Raw) -> bool:
    """Every pod becomes Ready at once."""
    return True


def kubelet(
    client: Client, namespace: str, serves: Serves = always
) -> AbstractAsyncContextManager[None]:
    """For as long as the block runs, every pod for which `serves` holds becomes Ready, once."""
    started: set[str] = set()

    def says(pod: Raw) -> Raw | None:
        uid = pod["metadata"]["uid"]
        if uid in started or not serves(pod):
            return None
        started.add(uid)
        return {"phase": "Running", "conditions": [READY]}

    return playing_kubelets(client, namespace, says)
