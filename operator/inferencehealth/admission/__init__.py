"""Mode Initial: probes that join a rollout as it is admitted, by policy (1.36 on) or by webhook."""
