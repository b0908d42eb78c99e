"""A model that loads at once and answers with its input."""
# mypy: ignore-errors
# Triton's Python backend brings this module; no package index has it.

import triton_python_backend_utils as triton


class TritonPythonModel:
    """The class Triton looks for."""

    def execute(self, requests):
        """Answer every request with its own input."""
        return [_echo(request) for request in requests]


def _echo(request):
    values = triton.get_input_tensor_by_name(request, "IN").as_numpy()
    return triton.InferenceResponse([triton.Tensor("OUT", values)])
