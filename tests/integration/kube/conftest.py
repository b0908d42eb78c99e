import pytest

from e2e.cluster.model import Cluster
from inferencehealth.kube import config
from inferencehealth.kube.config import Access


@pytest.fixture
async def access(cluster: Cluster) -> Access:
    """Administrator's access to the cluster."""
    return await config.load(cluster.kubeconfig)
