"""Where the operator of the node suites runs: beside the cluster; with OPERATOR=pods inside it."""

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from e2e import installed, program
from e2e.cluster.model import Cluster

OPERATOR = "OPERATOR"
PODS = "pods"


class Operator(Protocol):
    """A running operator, wherever it runs."""

    def trouble(self) -> str:
        """Why it does not run as it did when it was started; "" when it does."""

    def log_end(self) -> str:
        """The end of what it logged."""

    def without_checker(self) -> AbstractContextManager[None]:
        """Nothing is checked as long as the block runs; the controller is there."""

    def stop(self) -> None:
        """Ask it to end, and wait."""


def in_pods(env: Mapping[str, str] = os.environ) -> bool:
    """Whether the operator is to run in pods."""
    return env.get(OPERATOR) == PODS


def start(cluster: Cluster) -> Operator:
    """Start it where the environment says, and return when it works."""
    if in_pods():
        return installed.install(cluster)
    return program.start_operator(cluster, log=program.log_of(cluster))
