"""Other people's controllers, for real, beside our cluster: what they make of our probes."""
