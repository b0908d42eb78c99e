"""What a canary's answer means: every answer that a server may give to a real request."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferencehealth.api.canary import Canary
from inferencehealth.checks.steps import Answer, Outcome, Part, Reading, Sign
from inferencehealth.profiles.canary import model_of, reader

SCHEMA = {
    "type": "object",
    "required": ["outputs"],
    "properties": {"outputs": {"type": "array", "minItems": 1}},
}


def canary(**changes: Any) -> Canary:
    fields: dict[str, Any] = {
        "mode": "Custom",
        "path": "/v2/models/m/infer",
        "body": {"inputs": []},
        "expect": {"jsonSchema": SCHEMA, "maxLatency": "2s"},
    }
    return Canary.model_validate(fields | changes)


def read(answer: Answer, **changes: Any) -> Reading:
    return reader(canary(**changes))(answer)


def answered(status: int, body: bytes = b"", **more: Any) -> Answer:
    return Answer(Outcome.ANSWERED, status, body, **more)


GOOD = b'{"outputs": [1]}'

ANSWERS = [
    (answered(200, GOOD), Sign.SERVES, ""),
    (answered(200, b'{"error": "Stub process is not healthy"}'), Sign.FAILS, "CanaryFailed"),
    (answered(200, b"no JSON at all"), Sign.FAILS, "CanaryFailed"),
    (answered(200, b'{"outputs": []}'), Sign.FAILS, "CanaryFailed"),
    (answered(500, b'{"error": "boom"}'), Sign.FAILS, "CanaryFailed"),
    (answered(404), Sign.FAILS, "CanaryFailed"),
    (answered(429), Sign.BUSY, "CanaryBusy"),
    (answered(503, retry_after=True), Sign.BUSY, "CanaryBusy"),
    (answered(503), Sign.FAILS, "CanaryFailed"),
    (answered(401), Sign.UNKNOWN, "CanaryDenied"),
    (answered(403), Sign.UNKNOWN, "CanaryDenied"),
    (answered(502), Sign.SILENT, "CanaryFailed"),
    (answered(200, GOOD, seconds=3.2), Sign.DEGRADED, "CanarySlow"),
    (Answer(Outcome.NO_ANSWER), Sign.SILENT, "CanaryTimedOut"),
    (Answer(Outcome.UNFINISHED), Sign.SILENT, "CanaryTimedOut"),
    (Answer(Outcome.RESET), Sign.SILENT, "CanaryFailed"),
    (Answer(Outcome.REFUSED), Sign.SILENT, "CanaryFailed"),
    (Answer(Outcome.MALFORMED), Sign.FAILS, "CanaryFailed"),
    (Answer(Outcome.TOO_LARGE), Sign.FAILS, "CanaryFailed"),
    (Answer(Outcome.CONNECT_TIMEOUT), Sign.UNKNOWN, "ConnectTimeout"),
    (Answer(Outcome.UNREACHABLE), Sign.UNKNOWN, "Unreachable"),
]


@pytest.mark.parametrize(("answer", "sign", "reason"), ANSWERS)
def test_each_answer_has_its_meaning(answer: Answer, sign: Sign, reason: str) -> None:
    reading = read(answer)
    assert (reading.sign, reading.reason) == (sign, reason)


@pytest.mark.parametrize(("answer", "sign", "reason"), ANSWERS)
def test_no_message_has_a_word_of_the_body(answer: Answer, sign: Sign, reason: str) -> None:
    message = read(answer).message
    assert bool(message) == (sign is not Sign.SERVES)
    assert not any(word in message for word in ("Stub", "boom", "no JSON at"))


@given(
    st.sampled_from(Outcome),
    st.integers(100, 599),
    st.binary(max_size=64) | st.sampled_from([b"[" * 5_000, b'{"outputs": [1]', b"\x00", b"NaN"]),
    st.floats(0, 1e9),
    st.booleans(),
)
def test_no_answer_raises(
    outcome: Outcome, status: int, body: bytes, seconds: float, retry_after: bool
) -> None:
    status = status if outcome is Outcome.ANSWERED else 0
    reading = read(Answer(outcome, status, body, seconds, retry_after=retry_after))
    assert reading.reason or reading.sign is Sign.SERVES


def test_a_failure_says_what_was_expected_and_what_came() -> None:
    message = read(answered(500)).message
    assert message == "the canary POST /v2/models/m/infer is answered 500, expected 200"
    assert "properties.outputs.minItems" in read(answered(200, b'{"outputs": []}')).message


def test_a_denied_canary_says_what_to_set() -> None:
    assert "spec.checks.canary.headersFrom" in read(answered(401)).message


def test_a_status_that_the_policy_expects_is_good_whatever_it_is() -> None:
    assert read(answered(401), expect={"status": [401]}).sign is Sign.SERVES


TOKEN = b'data: {"choices": [{"delta": {"content": "a"}}]}\n\n'
ROLE = b'data: {"choices": [{"delta": {"role": "assistant", "content": ""}}]}\n\n'
ERROR = b'data: {"error": {"message": "boom"}}\n\n'


def cut(body: bytes, outcome: Outcome = Outcome.UNFINISHED, status: int = 200) -> Answer:
    return Answer(outcome, seconds=10.0, part=Part(status, body))


@pytest.mark.parametrize(
    ("answer", "sign", "reason"),
    [
        (cut(TOKEN), Sign.SERVES, ""),
        (cut(b": ping\r\n\r\ndata: a\r\n\r\n"), Sign.SERVES, ""),
        (cut(b'{"response": "a", "done": false}\n{"resp'), Sign.SERVES, ""),
        (cut(ROLE + TOKEN), Sign.SERVES, ""),
        (cut(b'data: {"choices": [{"text": "", "finish_reason": "length"}]}\n'), Sign.SERVES, ""),
        # What comes before any work proves none.
        (cut(ROLE), Sign.SILENT, "CanaryTimedOut"),
        (cut(b": ping\n\n: ping\n\n"), Sign.SILENT, "CanaryTimedOut"),
        (cut(b"     \n     \n"), Sign.SILENT, "CanaryTimedOut"),
        (cut(b'{"response": "a", "do'), Sign.SILENT, "CanaryTimedOut"),
        (cut(b"data: [DONE]\n\n"), Sign.SILENT, "CanaryTimedOut"),
        (cut(ERROR), Sign.FAILS, "CanaryFailed"),
        (cut(b'{"error": "boom"}\n{"a'), Sign.FAILS, "CanaryFailed"),
        (cut(TOKEN, status=500), Sign.FAILS, "CanaryFailed"),
        (cut(TOKEN, status=401), Sign.UNKNOWN, "CanaryDenied"),
        (cut(b"x" * 4096, Outcome.TOO_LARGE), Sign.SERVES, ""),
        (cut(ERROR, Outcome.TOO_LARGE), Sign.FAILS, "CanaryFailed"),
        (cut(b"x", Outcome.TOO_LARGE, status=500), Sign.FAILS, "CanaryFailed"),
        (Answer(Outcome.TOO_LARGE), Sign.FAILS, "CanaryFailed"),
    ],
)
def test_a_stream_without_end_is_judged_by_its_first_token(
    answer: Answer, sign: Sign, reason: str
) -> None:
    reading = read(answer, expect={})
    assert (reading.sign, reading.reason) == (sign, reason)


def test_a_stream_that_takes_longer_than_asked_for_is_slow() -> None:
    assert read(cut(TOKEN), expect={"maxLatency": "2s"}).reason == "CanarySlow"


@pytest.mark.parametrize(
    "body",
    [
        b'{"error": {"message": "boom", "code": 500}}',
        b'{"error": "Stub process is not healthy."}',
        b'{"object": "error", "message": "boom"}',
        ERROR,
    ],
)
def test_an_error_under_a_good_status_is_one_unless_the_policy_says_what_is_good(
    body: bytes,
) -> None:
    reading = read(answered(200, body), expect={})
    assert (reading.sign, reading.reason) == (Sign.FAILS, "CanaryFailed")
    assert "boom" not in reading.message
    if body != ERROR:
        assert read(answered(200, body), expect={"jsonSchema": {}}).sign is Sign.SERVES
    of_custom = reader(canary(expect={}), told=False)
    assert of_custom(answered(200, body)).sign is Sign.SERVES


@pytest.mark.parametrize("body", [b"", b'{"error": null}', b'{"text": "an error"}', b"[]", TOKEN])
def test_what_only_looks_like_an_error_is_none(body: bytes) -> None:
    assert read(answered(200, body), expect={}).sign is Sign.SERVES


@pytest.mark.parametrize(
    ("seconds", "told"), [(2.2, "2s"), (2.9, "2s"), (3.0, "3s"), (8.4, "7s"), (44.0, "30s")]
)
def test_latencies_are_told_in_steps_so_that_they_are_seldom_news(
    seconds: float, told: str
) -> None:
    message = read(answered(200, GOOD, seconds=seconds)).message
    assert f"takes about {told}; 2s is asked for" in message


@pytest.mark.parametrize(
    ("path", "body", "model"),
    [
        ("/v2/models/resnet50/infer", None, "resnet50"),
        ("/v2/models/a%2Fb/versions/1/infer", None, "a/b"),
        ("/v1/models/half_plus_two:predict", None, "half_plus_two"),
        ("/v1/completions", {"model": "org/llama", "max_tokens": 1}, "org/llama"),
        ("/v1/completions", {"model": 7}, ""),
        ("/predict", None, ""),
    ],
)
def test_the_model_is_found_where_protocols_name_it(
    path: str, body: dict[str, Any] | None, model: str
) -> None:
    assert model_of(path, body) == model
