"""The workloads of a namespace as the API server has them now, of kinds that it may not know."""

from dataclasses import dataclass
from typing import Final

from inferencehealth.kube.client import Client
from inferencehealth.kube.errors import Forbidden, NotFound
from inferencehealth.kube.requests import LEADER_WORKER_SETS, JsonObject, Resource
from inferencehealth.workloads import Workload, workload

INSTALLED_APART: Final = frozenset({LEADER_WORKER_SETS})
"""Kinds that a cluster serves only once somebody has installed them."""


@dataclass(frozen=True, slots=True)
class Listed:
    """The workloads of a kind in a namespace."""

    workloads: tuple[Workload, ...] = ()
    unseen: str = ""
    """Why none is seen, with the remedy; "" where all are."""


async def workloads_of(client: Client, resource: Resource, namespace: str) -> Listed:
    """The workloads of that kind; none where the cluster does not have the kind.

    Nor where we may not see one that is installed apart: who never had it gave nobody the right.
    Raises KubeError for all else.
    """

    def project(raw: JsonObject) -> Workload:
        # Items of a list leave their kind out.
        return workload({**raw, "kind": resource.kind, "apiVersion": resource.api_version})

    try:
        listed = await client.list(resource, project=project, namespace=namespace)
    except (NotFound, Forbidden) as error:
        if resource not in INSTALLED_APART:
            raise
        return Listed(unseen=_why(resource, error))
    return Listed(tuple(listed.items))


def _why(resource: Resource, error: NotFound | Forbidden) -> str:
    if isinstance(error, NotFound):
        return (
            f"this cluster has no kind {resource.kind} ({resource.group}): install it, and it is "
            "followed within a minute"
        )
    return (
        f"the operator may not list {resource.plural}.{resource.group}: give its account get, "
        "list and watch on them, as docs/rights.md has it"
    )
