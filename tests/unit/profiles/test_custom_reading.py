"""A server described by its policy is read as the policy says."""

import json
from typing import Any

import pytest

from inferencehealth.api.report import CheckSpec
from inferencehealth.checks.steps import Answer, Outcome, Reading, Sign
from inferencehealth.profiles.custom import CUSTOM
from tests.unit.profiles.given import answered, round_of, spec, states, unanswered

OK = {"properties": {"status": {"const": "ok"}}, "required": ["status"], "type": "object"}


def described(endpoints: dict[str, Any], **fields: Any) -> CheckSpec:
    return spec("custom", endpoints=endpoints, **fields)


def custom(check: CheckSpec, **answers: Answer) -> Reading:
    return round_of(CUSTOM, check, {name.replace("__", ":"): a for name, a in answers.items()})


READY = described({"ready": {"path": "/ready", "loading": {"status": [503]}}})
STRICT = described({"ready": {"path": "/ready", "expect": {"jsonSchema": OK}}})
TEAPOT = described({"ready": {"path": "/ready", "expect": {"status": [418, 401]}}})


@pytest.mark.parametrize(
    ("check", "ready", "sign", "reason"),
    [
        (READY, answered(200), "Serves", ""),
        (READY, answered(204), "Fails", "UnexpectedStatus"),
        (READY, answered(503), "Loading", "Loading"),
        (READY, answered(500), "Fails", "UnexpectedStatus"),
        (READY, answered(302), "Fails", "UnexpectedStatus"),
        (READY, answered(401), "Unknown", "AccessDenied"),
        (READY, unanswered(Outcome.REFUSED), "Silent", "ConnectionRefused"),
        (STRICT, answered(200, {"status": "ok"}), "Serves", ""),
        (STRICT, answered(200, {"status": "bad"}), "Fails", "UnexpectedBody"),
        (STRICT, answered(200, b"ok"), "Fails", "UnexpectedBody"),
        (STRICT, answered(200, b""), "Fails", "UnexpectedBody"),
        (TEAPOT, answered(418), "Serves", ""),
        (TEAPOT, answered(401), "Serves", ""),
        (TEAPOT, answered(200), "Fails", "UnexpectedStatus"),
    ],
)
def test_readiness_is_what_the_policy_expects(
    check: CheckSpec, ready: Answer, sign: str, reason: str
) -> None:
    reading = custom(check, ready=ready)
    assert (reading.sign, reading.reason) == (sign, reason)


STATE = {"properties": {"state": {"const": "AVAILABLE"}}, "required": ["state"], "type": "object"}
PULLING = {"properties": {"state": {"const": "START"}}, "required": ["state"], "type": "object"}
RICH = described(
    {
        "ready": {
            "path": "/ready",
            "expect": {"jsonSchema": STATE},
            "loading": {"status": [200, 425], "jsonSchema": PULLING},
            "busy": {"status": [429, 503]},
            "asleep": {"status": [423]},
            "failing": {"status": [401, 502]},
            "silent": {"status": [504, 520]},
        }
    }
)


@pytest.mark.parametrize(
    ("answer", "sign", "reason"),
    [
        (answered(200, {"state": "AVAILABLE"}), "Serves", ""),
        (answered(200, {"state": "START"}), "Loading", "Loading"),
        (answered(425, {"state": "START"}), "Loading", "Loading"),
        (answered(425, {"state": "END"}), "Fails", "UnexpectedStatus"),
        (answered(200, {"state": "END"}), "Fails", "UnexpectedBody"),
        (answered(200, b"AVAILABLE"), "Fails", "UnexpectedBody"),
        (answered(429), "Busy", "Busy"),
        (answered(503, b"upstream connect error"), "Busy", "Busy"),
        (answered(423), "Asleep", "Asleep"),
        (answered(401), "Fails", "Failing"),
        (answered(502), "Fails", "Failing"),
        (answered(504), "Silent", "AnsweredInItsPlace"),
        (answered(520), "Silent", "AnsweredInItsPlace"),
        (answered(403), "Unknown", "AccessDenied"),
        (answered(500), "Fails", "UnexpectedStatus"),
        (unanswered(Outcome.NO_ANSWER), "Silent", "NoAnswer"),
    ],
)
def test_each_state_is_what_the_policy_describes(answer: Answer, sign: str, reason: str) -> None:
    reading = custom(RICH, ready=answer)
    assert (reading.sign, reading.reason) == (sign, reason)


def test_the_first_described_state_counts() -> None:
    ready = {"path": "/r", "busy": {"status": [503]}, "loading": {"status": [503]}}
    assert custom(described({"ready": ready}), ready=answered(503)).sign is Sign.LOADING


def test_an_endpoint_is_asked_as_the_policy_says() -> None:
    check = described(
        {
            "live": {"path": "/l", "port": 9001},
            "ready": {"path": "/r", "method": "POST"},
            "model": {"path": "/show", "method": "POST", "body": {"model": "{model}", "n": [1]}},
        },
        models={"required": [{"name": 'a"b/c'}]},
    )
    live, ready, model = (step.request for step in CUSTOM.steps(check))
    assert (live.method, live.port, live.body) == ("GET", 9001, b"")
    assert (ready.method, ready.port, ready.body) == ("POST", 0, b"")
    assert (model.method, model.path) == ("POST", "/show")
    assert json.loads(model.body) == {"model": 'a"b/c', "n": [1]}


LISTED = described(
    {
        "ready": {"path": "/health"},
        "model": {
            "path": "/v1/models",
            "expect": {
                "jsonSchema": {
                    "required": ["data"],
                    "properties": {
                        "data": {
                            "contains": {
                                "required": ["id"],
                                "properties": {"id": {"const": "{model}"}},
                            }
                        }
                    },
                }
            },
        },
    },
    models={"required": [{"name": "llama"}]},
)


@pytest.mark.parametrize(("served", "sign"), [("llama", "Serves"), ("mistral", "Fails")])
def test_a_model_may_be_looked_up_in_a_list(served: str, sign: str) -> None:
    listing = answered(200, {"data": [{"id": served}]})
    reading = custom(LISTED, ready=answered(200), model__llama__=listing)
    assert states(reading) == {"llama": sign}


@pytest.mark.parametrize(
    ("state", "reason"), [("asleep", "ModelAsleep"), ("busy", "ModelBusy"), ("failing", "")]
)
def test_a_model_may_be_asleep_or_busy_too(state: str, reason: str) -> None:
    check = described(
        {"ready": {"path": "/r"}, "model": {"path": "/{model}", state: {"status": [400]}}},
        models={"required": [{"name": "m"}]},
    )
    reading = custom(check, ready=answered(200), model__m__=answered(400))
    assert reading.reason == (reason or "ModelNotReady")


def test_a_body_that_differs_is_told_by_its_place_in_the_schema_only() -> None:
    reading = custom(STRICT, ready=answered(200, {"status": "password123"}))
    assert reading.message == (
        "the answer to GET /ready violates properties.status.const of the schema"
    )


MODELS = described(
    {
        "ready": {"path": "/r"},
        "model": {"path": "/v1/models/{model}", "loading": {"status": [503]}},
    },
    models={"required": [{"name": "a/b"}, {"name": "c"}]},
)


def test_each_required_model_is_asked_by_its_quoted_name() -> None:
    paths = [step.request.path for step in CUSTOM.steps(MODELS)]
    assert paths == ["/r", "/v1/models/a%2Fb", "/v1/models/c"]


def test_a_model_that_does_not_serve_is_named() -> None:
    answers = {"ready": answered(200), "model__a/b__": answered(200), "model__c__": answered(404)}
    reading = custom(MODELS, **answers)
    assert (reading.sign, reading.reason) == (Sign.FAILS, "ModelNotReady")
    assert '"c"' in reading.message
    assert states(reading) == {"a/b": "Serves", "c": "Fails"}


def test_a_model_that_loads_makes_the_pod_loading() -> None:
    answers = {"ready": answered(200), "model__a/b__": answered(200), "model__c__": answered(503)}
    assert custom(MODELS, **answers).sign is Sign.LOADING


def test_a_required_model_without_an_endpoint_is_never_said_to_serve() -> None:
    check = described({"ready": {"path": "/r"}}, models={"required": [{"name": "a"}]})
    assert states(custom(check, ready=answered(200))) == {"a": "Unknown"}


PARTS = described(
    {"ready": {"path": "/r"}, "components": {"path": "/parts"}},
    components={"required": ["db"], "optional": ["cache"]},
)


@pytest.mark.parametrize(
    ("answer", "sign", "reason"),
    [
        (answered(200, {"components": {"db": "healthy", "cache": True}}), "Serves", ""),
        (answered(200, {"components": {"db": "ok", "cache": "down"}}), "Degraded", "ComponentDown"),
        (answered(200, {"components": {"db": "down"}}), "Fails", "ComponentDown"),
        (answered(200, {"components": {"cache": "ok"}}), "Fails", "ComponentNotFound"),
        (answered(503, {"components": {"db": "down"}}), "Fails", "ComponentDown"),
        (answered(503, {"components": {"db": "ok"}}), "Fails", "UnexpectedStatus"),
        (answered(200, b"fine"), "Fails", "ComponentsNotFound"),
        (answered(401), "Unknown", "AccessDenied"),
        (unanswered(Outcome.RESET), "Silent", "ConnectionReset"),
    ],
)
def test_components_are_read(answer: Answer, sign: str, reason: str) -> None:
    reading = custom(PARTS, ready=answered(200), components=answer)
    assert (reading.sign, reading.reason) == (sign, reason)


def test_a_live_endpoint_that_hangs_ends_the_round() -> None:
    check = described({"live": {"path": "/l"}, "ready": {"path": "/r"}})
    reading = custom(check, live=unanswered(Outcome.NO_ANSWER))
    assert (reading.sign, reading.reason) == (Sign.SILENT, "NoAnswer")


def test_an_unusable_schema_fails_the_check_and_says_so() -> None:
    check = described({"ready": {"path": "/r", "expect": {"jsonSchema": {"type": "objekt"}}}})
    reading = custom(check, ready=answered(200, {}))
    assert (reading.sign, reading.reason) == (Sign.FAILS, "UnexpectedBody")
    assert "not usable" in reading.message
