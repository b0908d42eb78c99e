"""A TorchServe handler that loads for SLOW_SECONDS and echoes its input.

The model "broken" fails to load; PREDICT_SECONDS makes inference slow.
"""
# mypy: ignore-errors
# Runs in TorchServe's own environment.

import os
import time


class Echo:
    """The model."""

    def initialize(self, context):
        """Load."""
        if context.manifest["model"]["modelName"] == "broken":
            raise RuntimeError("CUDA OOM: tried to allocate 20.00 GiB")
        time.sleep(float(os.environ.get("SLOW_SECONDS", "0")))

    def handle(self, data, context):  # noqa: ARG002
        """Answer every request with "ok", after computing for PREDICT_SECONDS."""
        time.sleep(float(os.environ.get("PREDICT_SECONDS", "0")))
        return ["ok" for _ in data]
