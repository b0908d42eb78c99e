"""What answers of the gRPC health protocol mean; codes from grpc/grpc, doc/statuscodes.md."""

from typing import Any

import pytest
from grpc_health.v1 import health_pb2
from hypothesis import given
from hypothesis import strategies as st

from inferencehealth.checks.steps import Answer, Outcome, Reading, Sign
from inferencehealth.profiles.grpc import GRPC, check_of, serving_status
from inferencehealth.profiles.profile import Asked
from inferencehealth.profiles.riva import RIVA
from tests.unit.profiles.given import round_of, spec, unanswered


def said(status: Any) -> Answer:
    message = health_pb2.HealthCheckResponse(status=status)
    return Answer(Outcome.ANSWERED, status=0, body=message.SerializeToString())


def code(number: int) -> Answer:
    return Answer(Outcome.ANSWERED, status=number)


SERVING, NOT_SERVING = said("SERVING"), said("NOT_SERVING")


@pytest.mark.parametrize(
    ("answer", "sign", "reason"),
    [
        (SERVING, "Serves", ""),
        (NOT_SERVING, "NotReady", "NotServing"),
        (said("UNKNOWN"), "Unknown", "HealthNotTold"),
        (said("SERVICE_UNKNOWN"), "Fails", "ComponentNotFound"),
        (Answer(Outcome.ANSWERED, 0, b"\x12\x00"), "Fails", "UnexpectedAnswer"),
        (code(5), "Unknown", "HealthNotTold"),
        (code(12), "Unknown", "HealthNotTold"),
        (code(7), "Unknown", "AccessDenied"),
        (code(16), "Unknown", "AccessDenied"),
        (code(8), "Busy", "TooBusy"),
        (code(13), "Fails", "UnexpectedStatus"),
        (unanswered(Outcome.REFUSED), "Silent", "ConnectionRefused"),
        (unanswered(Outcome.RESET), "Silent", "ConnectionReset"),
        (unanswered(Outcome.NO_ANSWER), "Silent", "NoAnswer"),
        (unanswered(Outcome.CONNECT_TIMEOUT), "Unknown", "ConnectTimeout"),
        (unanswered(Outcome.MALFORMED), "Fails", "NotGrpc"),
        (unanswered(Outcome.TOO_LARGE), "Fails", "AnswerTooLarge"),
    ],
)
@pytest.mark.parametrize("profile", [GRPC, RIVA], ids=["grpc", "riva"])
def test_the_health_of_the_whole_server(
    profile: Any, answer: Answer, sign: str, reason: str
) -> None:
    reading = round_of(profile, spec(profile.name), {"ready": answer})
    assert (reading.sign, reading.reason) == (sign, reason)


def by_service(required: dict[str, Answer], optional: dict[str, Answer] | None = None) -> Reading:
    asked = {**required, **(optional or {})}
    components = {"required": list(required), "optional": list(optional or {})}
    answers = {f"service:{name}": answer for name, answer in asked.items()}
    return round_of(GRPC, spec("grpc", components=components), {"ready": SERVING, **answers})


def test_the_services_of_the_policy_are_asked_for_by_name() -> None:
    reading = by_service({"asr.Recognizer": SERVING, "tts.Speech": NOT_SERVING})
    assert (reading.sign, reading.reason) == (Sign.NOT_READY, "NotServing")
    told = {item.name: (item.sign.value, item.required) for item in reading.components}
    assert told == {"asr.Recognizer": ("Serves", True), "tts.Speech": ("NotReady", True)}


def test_a_service_that_the_server_does_not_know_fails() -> None:
    reading = by_service({"nobody": code(5)})
    assert (reading.sign, reading.reason) == (Sign.FAILS, "ComponentNotFound")
    assert '"nobody"' in reading.message


@pytest.mark.parametrize("answer", [NOT_SERVING, code(5), code(13), code(16)])
def test_an_optional_service_only_degrades(answer: Answer) -> None:
    reading = by_service({"asr": SERVING}, {"tts": answer})
    assert reading.sign is Sign.DEGRADED


def test_without_required_services_the_whole_server_is_asked_as_well() -> None:
    check = spec("grpc", components={"optional": ["tts"]})
    assert [step.name for step in GRPC.steps(check)] == ["ready", "service:tts"]


@given(st.text(max_size=300))
def test_a_request_says_what_the_protocols_own_library_says(service: str) -> None:
    theirs = health_pb2.HealthCheckRequest(service=service).SerializeToString()
    assert check_of(service).body == theirs


def test_an_endless_name_is_refused() -> None:
    with pytest.raises(ValueError, match="too long"):
        check_of("x" * 20_000)


@pytest.mark.parametrize("status", [0, 1, 2, 3])
def test_an_answer_reads_as_the_protocols_own_library_writes_it(status: int) -> None:
    theirs = health_pb2.HealthCheckResponse(status=status).SerializeToString()
    assert serving_status(theirs) == status


@given(st.binary(max_size=64))
def test_no_bytes_are_too_strange_to_read(body: bytes) -> None:
    answer = Answer(Outcome.ANSWERED, 0, body)
    assert round_of(GRPC, spec("grpc"), {"ready": answer}).sign in set(Sign)


def test_the_kubelet_asks_by_its_own_grpc_probe_and_by_number() -> None:
    probes = GRPC.handlers(Asked(port=50051, port_name="speech"))
    health = {"grpc": {"port": 50051, "service": ""}}
    assert (probes.liveness, probes.readiness, probes.startup) == (health, health, health)
    assert probes.process == {"tcpSocket": {"port": "speech"}}
