"""A real Kubernetes cluster for the suites and the demo: from kind, from source, or your own."""
