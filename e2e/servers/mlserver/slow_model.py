"""A model for MLServer that loads for SLOW_SECONDS and echoes its input."""
# mypy: ignore-errors
# Runs in MLServer's own environment.

import asyncio
import os
import time

from mlserver import MLModel
from mlserver.types import InferenceResponse, ResponseOutput


class Slow(MLModel):
    """The class that model-settings.json names."""

    async def load(self):
        """Load."""
        await asyncio.sleep(float(os.environ.get("SLOW_SECONDS", "0")))
        return True

    async def predict(self, payload):
        """Answer with the input, after computing for PREDICT_SECONDS as Python code does."""
        time.sleep(float(os.environ.get("PREDICT_SECONDS", "0")))  # noqa: ASYNC251
        if os.path.exists(os.environ.get("FAIL_FILE", "")):  # noqa: ASYNC240, PTH110
            raise RuntimeError("CUDA error: device-side assert triggered")
        outputs = [
            ResponseOutput(
                name="OUT", shape=each.shape, datatype=each.datatype, data=each.data.root
            )
            for each in payload.inputs
        ]
        return InferenceResponse(model_name=self.name, outputs=outputs)
