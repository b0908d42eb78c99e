"""The ways to have a cluster."""
