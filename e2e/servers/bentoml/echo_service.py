"""A BentoML service that loads for SLOW_SECONDS and echoes its input.

LOAD_FAILS makes its load fail, PREDICT_SECONDS its inference slow; NOT_READY its own word on
readiness, a file that has to be absent.
"""
# mypy: ignore-errors
# Runs in BentoML's own environment.

import os
import time
from pathlib import Path

import bentoml


@bentoml.service(workers=1)
class Echo:
    """The service."""

    def __init__(self):
        """Load."""
        time.sleep(float(os.environ.get("SLOW_SECONDS", "0")))
        if os.environ.get("LOAD_FAILS"):
            raise RuntimeError("CUDA OOM: tried to allocate 20.00 GiB")

    def __is_ready__(self):
        """Whether nobody said otherwise."""
        return not Path(os.environ["NOT_READY"]).exists()

    @bentoml.api
    def echo(self, text: str) -> str:
        """Answer with the input, after computing for PREDICT_SECONDS."""
        time.sleep(float(os.environ.get("PREDICT_SECONDS", "0")))
        return text
