"""What the owner of a workload should know about its probes: rules, each a pure function."""
