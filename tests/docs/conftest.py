"""The session's cluster, for the commands."""

from e2e.cluster.fixture import cluster_of

__all__ = ["cluster_of"]
