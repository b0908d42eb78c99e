"""The node suite's stage: one cluster and one operator for the session, a namespace a module.

When a test fails, its report ends with the operator's log and what kubectl says of the objects.
The upheavals are for an operator in pods alone (OPERATOR=pods).
"""

from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e import operators, program
from e2e.cluster import api
from e2e.cluster.model import Cluster, Tier
from e2e.operators import Operator
from e2e.reach import reach_pods
from e2e.servers.catalog import IMAGES
from e2e.story import workloads
from e2e.story.stage import KubectlError, Stage

collect_ignore = [] if operators.in_pods() else ["upheavals"]
STAGE = pytest.StashKey[Stage]()
RUNNING: list[Operator] = []
"""The session's operator, for the reports of failed tests."""
DESCRIBED = ("inferencehealthpolicies,inferencehealthreports", "pods", "deployments")


@pytest.fixture(scope="session")
def node(cluster_of: Callable[[Tier], Cluster]) -> Cluster:
    """A cluster with a real kubelet, the servers' images and our CRDs."""
    running = cluster_of(Tier.NODE)
    for name in ("triton", "asr", "redis"):
        api.load_image(running, IMAGES[name]())
    reach_pods(running)
    program.install(running)
    return running


@pytest.fixture(scope="session")
def operator(node: Cluster) -> Iterator[Operator]:
    """The operator of the cluster: beside it, or with OPERATOR=pods inside it."""
    started = operators.start(node)
    RUNNING.append(started)
    yield started
    RUNNING.clear()
    started.stop()


@pytest.fixture(scope="session")
def operated(node: Cluster, operator: Operator) -> Cluster:
    """The cluster with its operator."""
    assert not operator.trouble()
    return node


@pytest.fixture(scope="module")
def stage(request: pytest.FixtureRequest, operated: Cluster, operator: Operator) -> Iterator[Stage]:
    """A fresh namespace for a module, in which the operator ran from begin to end."""
    name = Path(request.path).stem.removeprefix("test_").replace("_", "-")
    made = workloads.fresh_namespace(operated, name)
    request.node.stash[STAGE] = made
    yield made
    trouble = operator.trouble()
    assert not trouble, trouble


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Add to a failed test's report what one would look at first."""
    report = yield
    module = item.getparent(pytest.Module)
    if report.failed and module is not None and (found := module.stash.get(STAGE, None)):
        report.sections += [("the operator's log", each.log_end()) for each in RUNNING]
        report.sections += [(f"describe {kind}", _describe(found, kind)) for kind in DESCRIBED]
    return report


def _describe(stage: Stage, kind: str) -> str:
    try:
        return stage.act("describe", kind)
    except KubectlError as error:
        return str(error)
