"""A model that fails to load, in the words in which PyTorch reports a GPU without memory."""
# mypy: ignore-errors


class TritonPythonModel:
    """The class Triton looks for."""

    def initialize(self, _args):
        """Fail to load."""
        raise RuntimeError("CUDA OOM: tried to allocate 20.00 GiB")
