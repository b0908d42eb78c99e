"""The fast path: which pods to check, asking them, judging, writing reports on change."""
