"""What has to be there before `ihp run` makes sense; each lack is a sentence with its remedy."""

from pathlib import Path

from inferencehealth.kube import config
from inferencehealth.kube.client import Client, connect
from inferencehealth.kube.errors import Forbidden, KubeError, NotFound
from inferencehealth.kube.requests import NAMESPACES, POLICIES, REPORTS
from inferencehealth.kube.retries import ONE_SHOT


class NotReadyError(KubeError):
    """The cluster lacks something that the operator needs."""


async def check(kubeconfig: Path | None, *, namespace: str, system_namespace: str) -> None:
    """Return when the cluster can be worked with; raises KubeError with the remedy otherwise."""
    async with connect(await config.load(kubeconfig)) as client:
        await _definitions(client, namespace)
        await _system_namespace(client, system_namespace)


async def _definitions(client: Client, namespace: str) -> None:
    for resource in (POLICIES, REPORTS):
        try:
            pages = client.list_pages(resource, namespace=namespace, limit=1, limits=ONE_SHOT)
            await anext(pages)
        except NotFound:
            raise NotReadyError(
                f"the cluster has no {resource.plural}.{resource.group} yet; "
                "install the definitions: kubectl apply --server-side -f crds/"
            ) from None


async def _system_namespace(client: Client, name: str) -> None:
    try:
        await client.get(NAMESPACES, name, limits=ONE_SHOT)
    except NotFound:
        raise NotReadyError(
            f"the namespace {name} for the operator's own Leases does not exist; "
            f"create it: kubectl create namespace {name}"
        ) from None
    except Forbidden:
        return  # whoever may not look at namespaces may still write Leases in this one
