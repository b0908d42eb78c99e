"""inferencehealth: a Kubernetes operator for the health of model servers."""

__version__ = "0.1.0"
