"""Manifests in, manifests with probes out: `ihp render`, its patches and its KRM function."""
