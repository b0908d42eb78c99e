"""The story of the demo, asserted: what is recommended, injected, noticed, and left alone."""

import pytest

from e2e.story import expect, on_node, seen
from e2e.story.scene import Story
from e2e.story.stage import Stage

pytestmark = pytest.mark.node


@pytest.fixture(scope="module")
def story(stage: Stage) -> Story:
    return Story(on_node.scenes(stage, start_operator=lambda: "ihp run &"))


def test_mode_recommend_shows_the_patch_and_touches_nothing(story: Story, stage: Stage) -> None:
    story.reach("deploy")
    before = {name: seen.pods(stage, name) for name in on_node.DEPLOYMENTS.values()}
    story.reach("recommend")
    assert {name: seen.pods(stage, name) for name in on_node.DEPLOYMENTS.values()} == before


def test_mode_apply_gives_running_deployments_probes_under_which_they_load(
    story: Story, stage: Stage
) -> None:
    story.reach("apply")
    assert seen.condition(seen.policy(stage, "triton"), "ProbesInjected") is not None
    assert [pod.restarts for pod in seen.pods(stage, "triton")] == [0]


def test_a_model_that_fails_to_load_is_named_with_its_reason_and_nothing_restarts(
    story: Story, stage: Stage
) -> None:
    story.reach("break-model")
    wide = stage.table("ihp", "triton", "--output=wide")
    assert "Internal: RuntimeError: CUDA OOM" in wide


def test_a_mended_model_brings_the_same_process_back_into_traffic(story: Story) -> None:
    story.reach("mend-model")


def test_a_lost_redis_takes_the_pod_out_of_traffic_and_restarts_nothing(story: Story) -> None:
    story.reach("stop-redis")


def test_a_redis_that_is_back_brings_the_same_process_back_into_traffic(story: Story) -> None:
    story.reach("start-redis")


def test_a_model_whose_process_was_killed_is_broken_though_every_endpoint_is_green(
    story: Story, stage: Stage
) -> None:
    story.reach("kill-model")
    pod = expect.running(stage, "triton")[0]
    assert pod.ready
    assert "CanaryFailed" in stage.table("ihp", "triton", "--output=wide")


def test_a_reload_mends_it_without_a_restart(story: Story) -> None:
    story.reach("reload-model")


def test_a_hung_process_is_restarted_by_the_kubelet(story: Story) -> None:
    story.reach("hang")


def test_a_required_model_that_a_restart_lost_is_noticed_though_every_probe_is_green(
    story: Story, stage: Stage
) -> None:
    story.reach("hang")
    pod = expect.running(stage, "triton")[0]
    expect.in_traffic(stage, "triton", pod)
    story.reach("mend-again")
