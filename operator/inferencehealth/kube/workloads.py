"""The workloads of a namespace as the API server has them now, of kinds that it may not know."""

import logging
from typing import Final

from inferencehealth.kube.client import Client
from inferencehealth.kube.errors import Forbidden, NotFound
from inferencehealth.kube.requests import LEADER_WORKER_SETS, JsonObject, Resource
from inferencehealth.workloads import Workload, workload

logger = logging.getLogger(__name__)

INSTALLED_APART: Final = frozenset({LEADER_WORKER_SETS})
"""Kinds that a cluster serves only once somebody has installed them."""


async def workloads_of(client: Client, resource: Resource, namespace: str) -> list[Workload]:
    """The workloads of that kind; none where the cluster does not have the kind.

    Nor where we may not see one that is installed apart: who never had it gave nobody the right.
    Raises KubeError for all else.
    """

    def project(raw: JsonObject) -> Workload:
        # Items of a list leave their kind out.
        return workload({**raw, "kind": resource.kind, "apiVersion": resource.api_version})

    try:
        return list((await client.list(resource, project=project, namespace=namespace)).items)
    except (NotFound, Forbidden) as error:
        if resource not in INSTALLED_APART:
            raise
        logger.debug("no %s are looked at: %s", resource.plural, error)
        return []
