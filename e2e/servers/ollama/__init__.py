"""Ollama 0.17.4, built from its Go module, with a model that the suite writes."""
