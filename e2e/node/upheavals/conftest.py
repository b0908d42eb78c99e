"""The stage of the upheavals: workloads that serve, of which nothing may be lost or restarted."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.installed import Installed
from e2e.node.conftest import STAGE
from e2e.node.upheavals.calm import Calm, in_calm
from e2e.operators import Operator
from e2e.story import workloads
from e2e.story.stage import Stage


@pytest.fixture(scope="module")
def stage(request: pytest.FixtureRequest, installed: Installed) -> Stage:
    """A fresh namespace for a module; here the operator's programs may be restarted."""
    name = Path(request.path).stem.removeprefix("test_").replace("_", "-")
    made = workloads.fresh_namespace(installed.cluster, f"upheaval-{name}")
    request.node.stash[STAGE] = made
    return made


@pytest.fixture(scope="session")
def installed(operator: Operator) -> Installed:
    """The operator, which runs in pods here and was not restarted so far."""
    assert isinstance(operator, Installed), "run these with OPERATOR=pods"
    assert not operator.trouble(), operator.trouble()
    return operator


@pytest.fixture(scope="module")
def calm(stage: Stage) -> Calm:
    """A model server with our probes, under a policy that is Ready."""
    return in_calm(stage)


@pytest.fixture
def unharmed(calm: Calm) -> Iterator[Calm]:
    """The same, and after the test nothing of it was changed or restarted, and checks go on."""
    yield calm
    calm.is_unchanged()
    calm.is_checked()
