"""llama.cpp's own server: from its sources on PyPI to a process, with GGUF files of any size."""
