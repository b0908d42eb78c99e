"""What OpenVINO Model Server's answers mean.

Codes and words from the source of 2026.3 (http_rest_api_handler.cpp, http_server.cpp, status.cpp,
modelversionstatus.cpp); /v1/config from docs/model_server_rest_api_tfs.md.
"""

from typing import Any

import pytest

from inferencehealth.checks.steps import Answer, Outcome, Reading, Sign
from inferencehealth.profiles.ovms import OVMS
from tests.unit.profiles.given import answered, requiring, round_of, states, unanswered

OK = answered(200, b"")
NO_NAME = answered(404, {"error": "Model with requested name is not found"})
NO_VERSION = answered(404, {"error": "Model with requested version is not found"})
NOT_YET = answered(404, {"error": "Model with requested version is not loaded yet"})
RETIRED = answered(404, {"error": "Model with requested version is retired"})
NO_CONFIG = answered(404, {"error": "Invalid request URL"})


def version(state: str, code: str = "OK", message: str = "OK", number: str = "1") -> dict[str, Any]:
    status = {"error_code": code, "error_message": message}
    return {"version": number, "state": state, "status": status}


def config(**models: dict[str, Any]) -> Answer:
    return answered(200, {name: {"model_version_status": [one]} for name, one in models.items()})


def ovms(
    *required: str,
    live: Answer = OK,
    ready: Answer = OK,
    told: Answer = NO_CONFIG,
    model: Answer = OK,
) -> Reading:
    check = requiring(*required, profile="ovms")
    answers = {"live": live, "ready": ready, "index": told}
    answers |= {f"model:{m.name}:{m.version}": model for m in check.models.required}
    return round_of(OVMS, check, answers)


@pytest.mark.parametrize(
    ("model", "sign", "reason"),
    [
        (OK, "Serves", ""),
        (NOT_YET, "Loading", "ModelNotReady"),
        (NO_NAME, "Fails", "ModelNotFound"),
        (NO_VERSION, "Fails", "ModelNotFound"),
        (RETIRED, "Fails", "ModelUnloaded"),
        (answered(404, b""), "Loading", "ModelNotReady"),
        (answered(500), "Fails", "UnexpectedStatus"),
        (unanswered(Outcome.RESET), "Silent", "ConnectionReset"),
    ],
)
def test_the_words_of_a_404_tell_loading_from_unknown(
    model: Answer, sign: str, reason: str
) -> None:
    reading = ovms("resnet", model=model)
    assert (reading.sign, reading.reason) == (sign, reason)
    assert states(reading) == {"resnet": sign}


@pytest.mark.parametrize(
    ("state", "sign", "reason"),
    [
        (version("AVAILABLE"), "Loading", "ModelNotReady"),
        (version("START"), "Loading", "ModelLoading"),
        (version("LOADING"), "Loading", "ModelLoading"),
        (version("LOADING", "UNKNOWN", "UNKNOWN"), "Fails", "ModelLoadFailed"),
        (version("LOADING", "FAILED_PRECONDITION"), "Fails", "ModelLoadFailed"),
        (version("UNLOADING"), "Fails", "ModelUnloaded"),
        (version("END"), "Fails", "ModelUnloaded"),
    ],
)
def test_the_configuration_status_says_why(state: dict[str, Any], sign: str, reason: str) -> None:
    reading = ovms("resnet", model=NOT_YET, told=config(resnet=state))
    assert (reading.sign, reading.reason) == (sign, reason)


@pytest.mark.parametrize(
    ("ready", "sign", "reason"),
    [
        (OK, "Serves", ""),
        (answered(503, {"error": "Server is not ready"}), "Loading", "ServerNotReady"),
        (answered(500, {"error": "Model is not loaded"}), "Loading", "ServerNotReady"),
        (answered(404), "Fails", "UnexpectedStatus"),
    ],
)
def test_the_server_is_loading_until_it_has_tried_all_models(
    ready: Answer, sign: str, reason: str
) -> None:
    reading = ovms(ready=ready)
    assert (reading.sign, reading.reason) == (sign, reason)


def test_a_ready_server_with_a_failed_model_is_no_green_one() -> None:
    failed = version("LOADING", "UNKNOWN", "UNKNOWN")
    alone = ovms(told=config(broken=failed))
    assert (alone.sign, alone.reason) == (Sign.FAILS, "ModelLoadFailed")
    beside = ovms(told=config(broken=failed, good=version("AVAILABLE")))
    assert beside.sign is Sign.DEGRADED
    needed = ovms("good", told=config(broken=failed, good=version("AVAILABLE")))
    assert needed.sign is Sign.DEGRADED
    assert "log says why" in needed.message


def test_a_server_that_is_not_live_fails_whatever_its_models_say() -> None:
    reading = ovms("resnet", live=answered(500))
    assert (reading.sign, reading.reason) == (Sign.FAILS, "ServerNotLive")


def test_one_version_speaks_only_for_itself() -> None:
    told = answered(
        200,
        {"m": {"model_version_status": [version("AVAILABLE"), version("LOADING", number="2")]}},
    )
    reading = ovms("m:2", model=NOT_YET, told=told)
    assert (reading.sign, reading.reason) == (Sign.LOADING, "ModelLoading")
    assert states(reading) == {"m:2": "Loading", "m:1": "Serves"}
