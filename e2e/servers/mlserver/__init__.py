"""MLServer 1.7.1, the genuine server: a second implementation of the v2 protocol."""
