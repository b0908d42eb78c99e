"""A model whose load takes SLOW_SECONDS, as reading a hundred gigabytes of weights would."""
# mypy: ignore-errors
# Triton's Python backend brings this module; no package index has it.

import os
import time

import triton_python_backend_utils as triton

_DEFAULT_SECONDS = "20"


class TritonPythonModel:
    """The class Triton looks for."""

    def initialize(self, _args):
        """Load."""
        time.sleep(float(os.environ.get("SLOW_SECONDS", _DEFAULT_SECONDS)))

    def execute(self, requests):
        """Answer every request with its own input."""
        return [_echo(request) for request in requests]


def _echo(request):
    values = triton.get_input_tensor_by_name(request, "IN").as_numpy()
    return triton.InferenceResponse([triton.Tensor("OUT", values)])
