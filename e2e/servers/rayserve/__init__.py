"""Ray Serve 2.60.0, the genuine server."""
