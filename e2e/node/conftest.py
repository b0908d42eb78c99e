"""The node suite's stage: one cluster and one operator for the session, a namespace a module.

When a test fails, its report ends with the operator's log and what kubectl says of the objects.
"""

from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e import program
from e2e.cluster import api
from e2e.cluster.health import last_lines
from e2e.cluster.model import Cluster, Tier
from e2e.reach import reach_pods
from e2e.servers.catalog import IMAGES
from e2e.story import workloads
from e2e.story.stage import KubectlError, Stage

STAGE = pytest.StashKey[Stage]()
LOG_LINES = 40
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
def operated(node: Cluster) -> Iterator[Cluster]:
    """The cluster with the operator running beside it."""
    started = program.start_operator(node, log=program.log_of(node))
    yield node
    alive = started.is_alive()
    started.stop()
    assert alive, f"the operator ended by itself.\n{last_lines(started.log)}"


@pytest.fixture(scope="module")
def stage(request: pytest.FixtureRequest, operated: Cluster) -> Stage:
    """A fresh namespace for a module."""
    name = Path(request.path).stem.removeprefix("test_").replace("_", "-")
    made = workloads.fresh_namespace(operated, name)
    request.node.stash[STAGE] = made
    return made


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Add to a failed test's report what one would look at first."""
    report = yield
    module = item.getparent(pytest.Module)
    if report.failed and module is not None and (found := module.stash.get(STAGE, None)):
        log = program.log_of(found.cluster)
        lines = log.read_text(errors="replace").splitlines() if log.exists() else ["no log"]
        report.sections.append((f"the end of {log}", "\n".join(lines[-LOG_LINES:])))
        report.sections += [(f"describe {kind}", _describe(found, kind)) for kind in DESCRIBED]
    return report


def _describe(stage: Stage, kind: str) -> str:
    try:
        return stage.act("describe", kind)
    except KubectlError as error:
        return str(error)
