"""NVIDIA Triton 2.51.0, the genuine server: from its wheel to a process or an image."""
