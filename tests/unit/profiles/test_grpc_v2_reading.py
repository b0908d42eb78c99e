"""What answers of the KServe v2 protocol over gRPC mean, as Triton 2.51.0 gives them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferencehealth.api.server import RequiredModel
from inferencehealth.checks.steps import Answer, Outcome, Reading
from inferencehealth.profiles.grpc import GRPC, NOT_SERVING_RESTARTS
from inferencehealth.profiles.grpc_v2 import model_ready, varint
from inferencehealth.profiles.riva import RIVA
from tests.unit.profiles.given import requiring, round_of, spec, unanswered

TRUE = Answer(Outcome.ANSWERED, 0, b"\x08\x01")
FALSE = Answer(Outcome.ANSWERED, 0, b"")


def code(number: int) -> Answer:
    return Answer(Outcome.ANSWERED, number)


def read(live: Answer, model: Answer, ready: Answer = TRUE) -> Reading:
    answers = {"live": live, "model:m:2": model, "ready": ready}
    return round_of(GRPC, requiring("m:2", profile="grpc"), answers)


@pytest.mark.parametrize(
    ("live", "model", "ready", "sign", "reason"),
    [
        (TRUE, TRUE, TRUE, "Serves", ""),
        (TRUE, TRUE, FALSE, "Degraded", "ServerNotReady"),
        (TRUE, TRUE, unanswered(Outcome.NO_ANSWER), "Serves", ""),
        (TRUE, FALSE, FALSE, "NotReady", "ModelNotReady"),
        (TRUE, code(5), TRUE, "Fails", "ModelNotFound"),
        (TRUE, code(3), TRUE, "Fails", "ModelNotFound"),
        (TRUE, code(13), TRUE, "Fails", "UnexpectedStatus"),
        (TRUE, code(8), TRUE, "Busy", "TooBusy"),
        (FALSE, FALSE, FALSE, "NotReady", "ServerNotLive"),
        (code(12), TRUE, TRUE, "Unknown", "HealthNotTold"),
        (code(7), TRUE, TRUE, "Unknown", "AccessDenied"),
        (code(16), TRUE, TRUE, "Unknown", "AccessDenied"),
        (unanswered(Outcome.REFUSED), TRUE, TRUE, "Silent", "ConnectionRefused"),
        (unanswered(Outcome.TLS), TRUE, TRUE, "Unknown", "TlsFailed"),
        (unanswered(Outcome.MALFORMED), TRUE, TRUE, "Fails", "NotGrpc"),
        (TRUE, unanswered(Outcome.NO_ANSWER), TRUE, "Silent", "NoAnswer"),
    ],
)
def test_required_models_decide(
    live: Answer, model: Answer, ready: Answer, sign: str, reason: str
) -> None:
    reading = read(live, model, ready)
    assert (reading.sign.value, reading.reason) == (sign, reason)
    assert [(item.name, item.version, item.required) for item in reading.models] == [
        ("m", "2", True)
    ]


def test_without_discovery_other_models_are_no_concern() -> None:
    check = requiring("m", profile="grpc", discover=False)
    assert [step.name for step in GRPC.steps(check)] == ["live", "model:m:"]


def test_services_and_models_are_asked_beside_each_other() -> None:
    check = spec(
        "grpc",
        models={"required": [{"name": "m"}]},
        components={"required": ["asr"], "optional": ["tts"]},
    )
    names = [step.name for step in GRPC.steps(check)]
    assert names == ["service:asr", "service:tts", "live", "model:m:", "ready"]


def test_riva_has_no_models_to_ask_for() -> None:
    assert [step.name for step in RIVA.steps(requiring("m", profile="riva"))] == ["ready"]
    assert NOT_SERVING_RESTARTS in RIVA.liveness_findings


def test_a_request_is_written_as_protobuf_does() -> None:
    request = model_ready(RequiredModel(name="m" * 200, version="1"))
    assert request.body == b"\x0a\xc8\x01" + b"m" * 200 + b"\x12\x011"
    assert (request.path, request.grpc) == ("/inference.GRPCInferenceService/ModelReady", True)


def test_a_name_longer_than_any_is_refused() -> None:
    with pytest.raises(ValueError, match="too long"):
        varint(1 << 14)


@given(st.binary(max_size=20), st.integers(0, 20))
def test_only_true_is_taken_for_true(body: bytes, status: int) -> None:
    answer = Answer(Outcome.ANSWERED, status, body)
    serves = read(TRUE, answer).sign.value == "Serves"
    assert serves == (status == 0 and body == b"\x08\x01")
