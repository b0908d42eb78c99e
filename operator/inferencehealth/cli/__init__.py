"""The ihp command; each module one command, thin over the same functions the operator uses."""
