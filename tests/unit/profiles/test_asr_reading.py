"""What the ASR's health answers mean; bodies as its documentation prints them."""

from typing import Any

import pytest

from inferencehealth.checks.steps import Answer, Outcome, Reading, Sign
from inferencehealth.profiles.asr import ASR
from tests.unit.profiles.given import answered, round_of, spec, unanswered

UP = {
    "api_server": "healthy",
    "lightning_asr": "healthy",
    "license_proxy": "healthy",
    "redis": "healthy",
}
NO_WORKERS = {"status": "unhealthy", "reason": "No ASR workers available"}
LOST_REDIS = {"status": "unhealthy", "reason": "Redis connection failed"}
EXAMPLE = {"required": ["lightning_asr", "redis"], "optional": ["license_proxy"]}


def detailed(status: int = 200, said: str = "healthy", **changed: Any) -> Answer:
    components = {name: state for name, state in {**UP, **changed}.items() if state is not None}
    return answered(status, {"status": said, "components": components, "uptime_seconds": 86400})


def asr(answer: Answer, components: dict[str, Any] | None = None) -> Reading:
    return round_of(ASR, spec("asr", components=components or {}), {"detailed": answer})


@pytest.mark.parametrize(
    ("components", "answer", "sign", "reason"),
    [
        (None, detailed(), "Serves", ""),
        (None, detailed(redis="unhealthy"), "Degraded", "ComponentDown"),
        (None, detailed(license_proxy="unhealthy"), "Degraded", "ComponentDown"),
        (None, detailed(lightning_asr="unhealthy"), "Fails", "ComponentDown"),
        (None, detailed(lightning_asr="starting"), "Loading", "ComponentLoading"),
        (None, detailed(lightning_asr="degraded"), "Degraded", "ComponentDegraded"),
        (None, detailed(lightning_asr={"status": "healthy"}), "Serves", ""),
        (None, detailed(lightning_asr=None), "Fails", "ComponentNotFound"),
        (None, detailed(redis=None), "Serves", ""),
        (None, detailed(new_part="unhealthy"), "Degraded", "ComponentDown"),
        (EXAMPLE, detailed(redis="unhealthy"), "Fails", "ComponentDown"),
        (EXAMPLE, detailed(license_proxy="unhealthy"), "Degraded", "ComponentDown"),
        (EXAMPLE, detailed(redis=None), "Fails", "ComponentNotFound"),
        (None, detailed(503, "unhealthy", lightning_asr="unhealthy"), "Fails", "ComponentDown"),
        (None, detailed(503, "unhealthy"), "Fails", "ServerUnhealthy"),
        (None, detailed(503, "unhealthy", redis="unhealthy"), "Fails", "ServerUnhealthy"),
        (None, answered(503, NO_WORKERS), "Fails", "ComponentDown"),
        (None, answered(503, LOST_REDIS), "Fails", "ServerUnhealthy"),
        (None, answered(503, b"overloaded"), "Fails", "ServerUnhealthy"),
        (EXAMPLE, answered(200, {"status": "healthy"}), "Fails", "ComponentNotFound"),
        (None, answered(200, {"status": "healthy"}), "Serves", ""),
        (None, answered(200, b"OK"), "Serves", ""),
        (None, answered(404), "Fails", "UnexpectedStatus"),
        (None, answered(500), "Fails", "UnexpectedStatus"),
        (None, unanswered(Outcome.NO_ANSWER), "Silent", "NoAnswer"),
    ],
)
def test_a_round_reads_as(
    components: dict[str, Any] | None, answer: Answer, sign: str, reason: str
) -> None:
    reading = asr(answer, components)
    assert (reading.sign, reading.reason) == (sign, reason)


def test_a_component_that_is_down_is_named() -> None:
    assert asr(detailed(redis="unhealthy"), EXAMPLE).message == "component redis is unhealthy"


def test_unhealthy_is_not_taken_for_healthy_because_it_contains_the_word() -> None:
    assert asr(detailed(lightning_asr="unhealthy")).sign is Sign.FAILS


def test_the_documented_reason_is_told() -> None:
    reading = asr(answered(503, NO_WORKERS))
    assert reading.message == "component lightning_asr is down: No ASR workers available"


def test_workers_are_not_blamed_for_something_else() -> None:
    reading = asr(answered(503, LOST_REDIS))
    assert "Redis connection failed" in reading.message
    assert {i.name: i.sign for i in reading.components}["lightning_asr"] is Sign.UNKNOWN


def test_an_optional_component_that_takes_the_server_down_is_named() -> None:
    reading = asr(detailed(503, "unhealthy", redis="unhealthy"))
    assert reading.sign is Sign.FAILS
    assert "redis" in reading.message


def test_required_components_are_marked_and_silent_with_a_silent_server() -> None:
    reading = asr(unanswered(Outcome.REFUSED), EXAMPLE)
    assert [(i.name, i.sign, i.required) for i in reading.components] == [
        ("lightning_asr", Sign.SILENT, True),
        ("redis", Sign.SILENT, True),
    ]


def test_the_profiles_own_components_are_required_where_the_policy_names_none() -> None:
    required = [item.name for item in asr(detailed()).components if item.required]
    assert required == ["api_server", "lightning_asr"]


def test_a_check_is_one_request() -> None:
    assert [s.request.path for s in ASR.steps(spec("asr"))] == ["/health?detailed=true"]
