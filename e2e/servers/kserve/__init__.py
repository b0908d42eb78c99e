"""KServe's Python server 0.21.0, the genuine one: a third implementation of the v2 protocol."""
