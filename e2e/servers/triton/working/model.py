"""A model that loads for SLOW_SECONDS and works as long on a request as its first number says."""
# mypy: ignore-errors
# Triton's Python backend brings this module; no package index has it.

import os
import time

import triton_python_backend_utils as triton


class TritonPythonModel:
    """The class Triton looks for."""

    def initialize(self, _args):
        """Load."""
        time.sleep(float(os.environ.get("SLOW_SECONDS", "0")))

    def execute(self, requests):
        """Answer every request with its own input."""
        return [_worked(request) for request in requests]


def _worked(request):
    values = triton.get_input_tensor_by_name(request, "IN").as_numpy()
    time.sleep(max(0.0, float(values[0])))
    return triton.InferenceResponse([triton.Tensor("OUT", values)])
