"""The stage of these suites: one cluster with fake pods, model servers behind them, and the tools.

PERIOD is for how many seconds it is watched that nothing happens; with minutes (the record's are
600) the operator is the one that users have, with few seconds it waits shorter between rounds.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from e2e.cluster.model import Cluster, Tier
from e2e.cluster.progress import to_stderr
from e2e.ecosystem import models
from e2e.ecosystem.play import Play

PERIOD_SECONDS = 40.0
"""Four rounds of each tool, which take minutes with people."""
A_RECORD = 300.0
"""Periods from here on are for the record: nothing is hurried then."""


@dataclass(frozen=True, slots=True)
class Ground:
    """A cluster of fake pods on which nothing is installed yet."""

    cluster: Cluster
    play: Play

    @property
    def hurried(self) -> bool:
        """Whether the operator is to wait shorter than it does with users."""
        return self.play.period < A_RECORD


@pytest.fixture(scope="session")
def ground(cluster_of: Callable[[Tier], Cluster]) -> Iterator[Ground]:
    """A cluster with an audit log, and model servers at the addresses of its pods."""
    cluster = cluster_of(Tier.SCALE)
    if cluster.audit_log is None:
        pytest.fail(
            "these suites count writes by the audit log: unset CLUSTER_REUSE", pytrace=False
        )
    period = float(os.environ.get("PERIOD") or PERIOD_SECONDS)
    with models.serving() as port:
        yield Ground(cluster, Play(cluster, cluster.audit_log, port, period, to_stderr()))
