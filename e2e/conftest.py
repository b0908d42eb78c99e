"""All suites below share one cluster a tier, for the session."""

from e2e.cluster.fixture import cluster, cluster_of

__all__ = ["cluster", "cluster_of"]
