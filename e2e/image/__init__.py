"""The operator's image by itself; how it runs in pods, the node suites show."""
