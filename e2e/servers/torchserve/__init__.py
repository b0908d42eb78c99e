"""TorchServe 0.12.0, the genuine server; its models here need no torch."""
