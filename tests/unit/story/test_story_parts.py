"""The parts of the story that decide something themselves."""

from pathlib import Path

import pytest

from e2e.cluster.model import Cluster, ProviderName, Tier
from e2e.story import seen, workloads
from e2e.story.scene import Scene, Story
from e2e.story.stage import KubectlError, Stage, StepError, command_line

NOWHERE = Cluster(
    name="none",
    tier=Tier.NODE,
    provider=ProviderName.SOURCE,
    kubeconfig=Path("none"),
    kubectl=Path("none"),
    state_dir=Path("none"),
)


class Audience:
    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def typed(self, command: str) -> None:
        raise AssertionError(command)

    def waits(self, what: str, seen: str, elapsed: float) -> None:
        self.told.append((what, seen))


def test_what_is_awaited_is_returned_and_the_waiting_is_told() -> None:
    audience = Audience()
    numbers = iter([1, 2, 3])
    stage = Stage(NOWHERE, "demo", audience)
    found = stage.eventually("a two", lambda: next(numbers), lambda n: n == 2, within=60)
    assert found == 2
    assert audience.told == [("a two", "1")]


def test_a_step_that_does_not_happen_fails_with_what_was_seen_instead() -> None:
    stage = Stage(NOWHERE, "demo")
    with pytest.raises(StepError, match=r"a two: not within .+ Seen instead: 1"):
        stage.eventually("a two", lambda: 1, lambda n: n == 2, within=-1)


def test_an_api_server_that_is_away_is_a_thing_seen() -> None:
    def look() -> int:
        raise KubectlError("connection refused")

    with pytest.raises(StepError, match="connection refused"):
        Stage(NOWHERE, "demo").eventually("a two", look, lambda n: n == 2, within=-1)


def test_commands_are_shown_as_a_shell_takes_them() -> None:
    shown = command_line("demo", ("patch", "ihp", "x", "--patch", '{"a": 1}'))
    assert shown == """kubectl -n demo patch ihp x --patch '{"a": 1}'"""


def test_a_later_scene_plays_those_before_it_and_none_twice() -> None:
    played: list[str] = []

    def scene(name: str) -> Scene:
        return Scene(name, name, name, lambda: (played.append(name), (name,))[1])

    story = Story((scene("a"), scene("b"), scene("c")))
    assert story.reach("b") == ("b",)
    assert story.reach("a") == ("a",)
    assert story.reach("c") == ("c",)
    assert played == ["a", "b", "c"]


def test_a_scene_after_one_that_failed_fails_for_the_same_reason() -> None:
    def fail() -> tuple[str, ...]:
        raise StepError("the lights went out")

    story = Story((Scene("a", "a", "a", fail), Scene("b", "b", "b", lambda: ())))
    for name in ("a", "b"):
        with pytest.raises(StepError, match="the lights went out"):
            story.reach(name)


def test_probes_are_told_in_one_line() -> None:
    probe = {
        "httpGet": {"path": "/live", "port": 80},
        "periodSeconds": 5,
        "failureThreshold": 2,
        "timeoutSeconds": 3,
        "initialDelaySeconds": 7,
    }
    told = seen.probe_in_words("livenessProbe", probe)
    assert told == "livenessProbe: GET :80/live every 5 s, 2 failures, 3 s each, first after 7 s"
    assert "connect to :80" in seen.probe_in_words("startupProbe", {"tcpSocket": {"port": 80}})
    assert "curl x" in seen.probe_in_words("startupProbe", {"exec": {"command": ["curl", "x"]}})


def test_an_alteration_touches_the_named_deployment_only() -> None:
    alter = workloads.environment("triton", {"SLOW_SECONDS": "40"})
    objects = workloads.documents(workloads.MANIFESTS / "triton.yaml")
    before = [document["kind"] for document in objects]
    for document in objects:
        alter(document)
    [deployment] = [document for document in objects if document["kind"] == "Deployment"]
    environment = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
    assert environment == [{"name": "SLOW_SECONDS", "value": "40"}]
    assert [document["kind"] for document in objects] == before
