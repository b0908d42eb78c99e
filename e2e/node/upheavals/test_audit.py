"""What the operator did in this session, by the audit log, compared with what it may do.

The first of the upheavals: an API server that has just started refuses this and that for a moment.
That no right is there for nothing is held by tests/integration/security, where everything happens.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.cluster.model import Cluster
from e2e.installed import Installed
from inferencehealth.api.names import SYSTEM_NAMESPACE
from inferencehealth.installation.audit import compare, uses

pytestmark = pytest.mark.node

GIVEN_BY_USERS = ("checker: get configmaps", "checker: get secrets")
"""Rights that a user adds by name for a policy that needs them; the suites' namespaces don't."""


def lines_since(log: Path, moment: str) -> Iterator[str]:
    """The audit log from that moment on: before, rights and programs came in any order."""
    with log.open() as lines:
        for line in lines:
            try:
                began = json.loads(line)["requestReceivedTimestamp"]
            except ValueError:  # the last line, half written
                continue
            if began >= moment:
                yield line


def test_nothing_was_refused_and_nobody_granted_more(node: Cluster, installed: Installed) -> None:
    assert node.audit_log is not None
    lines = list(lines_since(node.audit_log, installed.since))
    verbs = {use.verb for use in uses(lines, SYSTEM_NAMESPACE)}
    assert {"patch", "watch", "update"} <= verbs, "the log has nothing of our programs"
    found = compare(lines, system_namespace=SYSTEM_NAMESPACE, tolerated=GIVEN_BY_USERS)
    assert found.refused == ()
    assert found.beyond == ()
