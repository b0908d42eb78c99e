"""LitServe 0.2.19, the genuine server."""
