"""BentoML 1.4.39, the genuine server."""
