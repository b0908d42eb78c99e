"""`ihp run` on a real cluster that lacks something."""

import pytest

from e2e.cluster.model import Cluster
from inferencehealth.cli import preflight

pytestmark = pytest.mark.integration


async def test_a_missing_system_namespace_is_named_with_its_remedy(
    cluster: Cluster, namespace: str
) -> None:
    with pytest.raises(preflight.NotReadyError, match="kubectl create namespace not-there"):
        await preflight.check(cluster.kubeconfig, namespace=namespace, system_namespace="not-there")


async def test_a_cluster_with_everything_passes(cluster: Cluster, namespace: str) -> None:
    await preflight.check(cluster.kubeconfig, namespace="", system_namespace=namespace)
