"""Real model servers for tests, benchmarks and the demo: as loopback processes, and as images.

Nothing here is a fake of a server that can be had: Triton is NVIDIA's own binary, Redis is
Debian's. Only the ASR server is a reference written after its documentation, for its image is
closed.
"""
