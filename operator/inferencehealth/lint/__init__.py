"""Findings about workloads in files or in a cluster: `ihp lint`, and how it is told."""
