"""Suites and the demo on real clusters with real model servers; none of it is shipped."""
