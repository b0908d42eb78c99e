"""A server with vLLM's surface that really blocks: busy, stuck or frozen, as told."""
