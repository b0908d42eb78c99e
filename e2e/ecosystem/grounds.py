"""A cluster of fake pods for one suite alone, where the controllers of others are its own.

Some of them answer for every pod of their cluster, so suites do not share one.
"""

import contextlib
import os
from collections.abc import Iterator

import pytest

from e2e.cluster import api
from e2e.cluster.fixture import reused
from e2e.cluster.model import ClusterError, Tier
from e2e.cluster.processes import identify
from e2e.cluster.progress import to_stderr
from e2e.ecosystem import models
from e2e.ecosystem.play import Play

PERIOD_SECONDS = 20.0
"""For so long it is watched that nothing happens: controllers answer a change within one."""


@contextlib.contextmanager
def ground(name: str) -> Iterator[Play]:
    """The cluster, with an audit log and a model server at its pods' addresses."""
    period = float(os.environ.get("PERIOD") or PERIOD_SECONDS)
    pid = os.getpid()
    try:
        kept = reused(Tier.SCALE)
        cluster = kept or api.up(
            Tier.SCALE, name=f"pytest-{pid}-{name}", audit=True, owner=identify(pid)
        )
    except ClusterError as error:
        pytest.fail(str(error), pytrace=False)
    try:
        if cluster.audit_log is None:
            pytest.fail("writes are counted by the audit log: unset CLUSTER_REUSE", pytrace=False)
        with models.serving() as port:
            yield Play(cluster, cluster.audit_log, port, period, to_stderr())
    finally:
        if kept is None:
            api.down(cluster)
