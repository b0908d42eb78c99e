"""The story without a kubelet: what the demo still shows without root and container engine."""

from collections.abc import Callable, Iterator

import pytest

from e2e import program
from e2e.cluster.model import Cluster, Tier
from e2e.loopback import servers
from e2e.loopback.servers import Servers
from e2e.story import on_loopback, workloads
from e2e.story.scene import Story

pytestmark = pytest.mark.scale


@pytest.fixture(scope="module")
def running(cluster_of: Callable[[Tier], Cluster]) -> Iterator[Servers]:
    found = cluster_of(Tier.SCALE)
    program.install(found)
    stage = workloads.fresh_namespace(found, "loopback")
    with servers.marked(found):
        started = servers.start(stage)
        yield started
        started.stop()


@pytest.fixture(scope="module")
def story(running: Servers) -> Iterator[Story]:
    cluster = running.stage.cluster

    def start_operator() -> str:
        program.start_operator(cluster, log=program.log_of(cluster))
        return "ihp run &"

    yield Story(on_loopback.scenes(running, start_operator))
    if operator := program.find(cluster):
        operator.stop()


def test_probes_are_recommended_injected_and_the_new_pod_is_loading_then_ready(
    story: Story,
) -> None:
    story.reach("recommend")
    story.reach("apply")


def test_a_failed_load_and_its_mending_show_in_the_verdict(story: Story) -> None:
    story.reach("break-model")
    story.reach("mend-model")


def test_a_lost_redis_and_its_return_show_in_the_verdict(story: Story) -> None:
    story.reach("stop-redis")
    story.reach("start-redis")


def test_a_hung_process_shows_in_the_verdict(story: Story) -> None:
    story.reach("hang")
