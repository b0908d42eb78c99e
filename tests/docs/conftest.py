"""The session's cluster, for the commands."""

from e2e.cluster.fixture import cluster_of, take_real_node

__all__ = ["cluster_of", "take_real_node"]
