"""vLLM 0.20.2 on a CPU, from PyPI, with a model of some kilobytes and no weights."""
