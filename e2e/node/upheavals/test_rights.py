"""What the operator did in this session, by the audit log, compared with what it may do."""

import pytest

from e2e.cluster.model import Cluster
from e2e.installed import Installed
from inferencehealth.api.names import SYSTEM_NAMESPACE
from inferencehealth.installation.access import Program
from inferencehealth.installation.audit import compare

pytestmark = pytest.mark.node


def test_nothing_was_refused_and_nobody_granted_more(node: Cluster, installed: Installed) -> None:
    assert node.audit_log is not None
    with node.audit_log.open() as lines:
        found = compare(lines, system_namespace=SYSTEM_NAMESPACE, programs=tuple(Program))
    assert installed.stage.namespace == SYSTEM_NAMESPACE
    assert found.refused == ()
    assert found.beyond == ()
