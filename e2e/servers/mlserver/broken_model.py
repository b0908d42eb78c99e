"""A model for MLServer that fails to load."""
# mypy: ignore-errors
# Runs in MLServer's own environment.

from mlserver import MLModel


class Broken(MLModel):
    """The class that model-settings.json names."""

    async def load(self):
        """Fail."""
        raise RuntimeError("CUDA OOM: tried to allocate 20.00 GiB")
