"""All suites below share one cluster a tier, for the session."""

from e2e.cluster.fixture import cluster, cluster_of, take_real_node

__all__ = ["cluster", "cluster_of", "take_real_node"]
