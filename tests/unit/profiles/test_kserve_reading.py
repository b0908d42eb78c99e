"""What the answers of KServe's Python server mean; bodies as KServe 0.21.0 writes them."""

import pytest

from inferencehealth.checks.steps import Answer, Outcome, Reading, Sign
from inferencehealth.profiles.kserve import KSERVE
from tests.unit.profiles.given import answered, requiring, round_of, states, unanswered

UNKNOWN_MODEL = answered(404, {"error": "Model with name zz does not exist."})
MODEL_NOT_READY = answered(503, {"error": "Model with name k1 is not ready."})
SERVER_NOT_READY = answered(503, {"error": "Server is not ready."})


LIVE = answered(200, {"live": True})
READY = answered(200, {"ready": True})
LISTING = answered(200, {"models": ["k1", "k2"]})
MODEL_READY = answered(200, {"name": "k1", "ready": True})


def kserve(
    *required: str,
    live: Answer = LIVE,
    ready: Answer = READY,
    listing: Answer = LISTING,
    model: Answer = MODEL_READY,
) -> Reading:
    check = requiring(*required, profile="kserve")
    answers = {"live": live, "ready": ready, "models": listing}
    answers |= {f"model:{m.name}:{m.version}": model for m in check.models.required}
    return round_of(KSERVE, check, answers)


@pytest.mark.parametrize(
    ("model", "sign", "reason"),
    [
        (answered(200, {"name": "k1", "ready": True}), "Serves", ""),
        (answered(200, b""), "Serves", ""),
        (answered(200, {"name": "k1", "ready": False}), "NotReady", "ModelNotReady"),
        (MODEL_NOT_READY, "NotReady", "ModelNotReady"),
        (UNKNOWN_MODEL, "Fails", "ModelNotFound"),
        (answered(500, {"error": "x"}), "Fails", "UnexpectedStatus"),
        (answered(401), "Unknown", "AccessDenied"),
        (unanswered(Outcome.NO_ANSWER), "Silent", "NoAnswer"),
    ],
)
def test_the_models_own_answer_decides(model: Answer, sign: str, reason: str) -> None:
    reading = kserve("k1", model=model)
    assert (reading.sign, reading.reason) == (sign, reason)
    assert states(reading) == {"k1": sign}


def test_a_ready_server_does_not_speak_for_a_model_that_is_not() -> None:
    assert kserve("k1", model=MODEL_NOT_READY).sign is Sign.NOT_READY


def test_an_unknown_model_is_told_with_those_there_are() -> None:
    reading = kserve("zz", model=UNKNOWN_MODEL)
    told = 'the server has no model "zz"; it has "k1", "k2"'
    assert reading.message == told
    assert [item.message for item in reading.models] == [told]


@pytest.mark.parametrize(
    "listing",
    [
        answered(404),
        answered(200, b"[]"),
        answered(200, {"models": "k1"}),
        answered(200, {"models": [1, None]}),
        unanswered(Outcome.NO_ANSWER),
        answered(403),
    ],
)
def test_without_a_listing_the_rest_is_judged_as_before(listing: Answer) -> None:
    assert kserve("k1", listing=listing).sign is Sign.SERVES
    assert kserve("zz", listing=listing, model=UNKNOWN_MODEL).reason == "ModelNotFound"


def test_a_transformer_without_its_predictor_fails() -> None:
    reading = kserve(ready=SERVER_NOT_READY)
    assert (reading.sign, reading.reason) == (Sign.FAILS, "ServerNotReady")
    assert "predictor" in reading.message


def test_a_model_is_asked_for_by_v1_which_knows_no_versions() -> None:
    paths = [step.request.path for step in KSERVE.steps(requiring("k1:2", profile="kserve"))]
    assert paths[-1] == "/v1/models/k1"


NO_PATH = answered(404, {"error": "invalid path"})


@pytest.mark.parametrize(
    ("model", "sign", "reason"),
    [
        (MODEL_READY, "Serves", ""),
        (answered(200, {"name": "k1", "ready": False}), "NotReady", "ModelNotReady"),
        (answered(503, b"<html><title>503: Model with name k1 is not ready."), "NotReady", None),
        (UNKNOWN_MODEL, "Fails", "PathNotFound"),
        (answered(404, b"nginx"), "Fails", "PathNotFound"),
    ],
)
@pytest.mark.parametrize("live", [LIVE, NO_PATH], ids=["0.7", "kfserving"])
def test_a_server_without_v2_is_judged_by_its_model(
    live: Answer, model: Answer, sign: str, reason: str | None
) -> None:
    reading = kserve("k1", live=live, ready=NO_PATH, listing=NO_PATH, model=model)
    assert reading.sign == sign
    assert reason in {None, reading.reason}


def test_a_server_without_v2_and_without_a_known_model_says_what_to_do() -> None:
    reading = kserve(live=NO_PATH, ready=NO_PATH, listing=NO_PATH)
    assert (reading.sign, reading.reason) == (Sign.FAILS, "PathNotFound")
    assert "name its models" in reading.message
