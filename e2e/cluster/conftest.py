"""The cluster's own tests use its fixtures."""

from e2e.cluster.fixture import cluster, cluster_of

__all__ = ["cluster", "cluster_of"]
