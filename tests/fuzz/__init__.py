"""Fuzzing of what servers send; `make fuzz` runs it for a while, unit tests run its seeds."""
