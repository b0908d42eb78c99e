"""Stands in for torch (2 GB), of which TorchServe's worker only asks: is an answer a tensor?"""


class Tensor:
    """What no answer of our models is."""
