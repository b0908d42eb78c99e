"""Benchmarks: each module runs alone and prints a table; README.md says how to read them."""
