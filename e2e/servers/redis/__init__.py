"""Debian's Redis, the real dependency of the ASR stack."""
