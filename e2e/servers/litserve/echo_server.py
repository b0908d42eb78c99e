"""A LitServe server whose one model loads for SLOW_SECONDS and echoes its input.

Usage: python echo_server.py HTTP_PORT. LOAD_FAILS makes its load fail, PREDICT_SECONDS its
inference slow.
"""
# mypy: ignore-errors
# Runs in LitServe's own environment.

import os
import sys
import time

import litserve


class Echo(litserve.LitAPI):
    """The model."""

    def setup(self, device):  # noqa: ARG002
        """Load."""
        time.sleep(float(os.environ.get("SLOW_SECONDS", "0")))
        if os.environ.get("LOAD_FAILS"):
            raise RuntimeError("CUDA OOM: tried to allocate 20.00 GiB")

    def predict(self, request):
        """Answer with the input, after computing for PREDICT_SECONDS."""
        time.sleep(float(os.environ.get("PREDICT_SECONDS", "0")))
        return request


if __name__ == "__main__":
    server = litserve.LitServer(Echo(), accelerator="cpu", timeout=False)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False)
