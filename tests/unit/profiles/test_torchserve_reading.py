"""What TorchServe's answers mean; codes and bodies from its documentation and source, 0.12.0."""

from typing import Any

import pytest

from inferencehealth.checks.steps import Answer, Outcome, Reading, Sign
from inferencehealth.profiles.torchserve import TORCHSERVE
from tests.unit.profiles.given import answered, requiring, round_of, states, unanswered

HEALTHY = answered(200, {"status": "Healthy"})
UNHEALTHY = answered(500, {"status": "Unhealthy"})
NO_TOKEN = answered(
    400,
    {
        "code": 400,
        "type": "InvalidKeyException",
        "message": "Token Authorization failed. Token either incorrect, expired, or not provided",
    },
)
NO_MODEL = answered(
    404, {"code": 404, "type": "ModelNotFoundException", "message": "Model not found: noop"}
)
LISTING = answered(200, {"models": [{"modelName": "noop", "modelUrl": "noop.mar"}]})
LOOPBACK_ONLY = unanswered(Outcome.REFUSED)


def described(*workers: str, least: Any = 1) -> Answer:
    listed = [{"id": str(9000 + n), "status": status} for n, status in enumerate(workers)]
    model = {"modelName": "noop", "modelVersion": "1.0", "minWorkers": least, "workers": listed}
    return answered(200, [model])


def torchserve(
    *required: str,
    ping: Answer = HEALTHY,
    listing: Answer = LISTING,
    model: Answer | None = None,
) -> Reading:
    check = requiring(*required, profile="torchserve")
    answers = {"ready": ping, "index": listing}
    asked = model or described("READY")
    answers |= {f"model:{m.name}:{m.version}": asked for m in check.models.required}
    return round_of(TORCHSERVE, check, answers)


@pytest.mark.parametrize(
    ("ping", "sign", "reason"),
    [
        (HEALTHY, "Serves", ""),
        (UNHEALTHY, "Fails", "WorkersMissing"),
        (NO_TOKEN, "Unknown", "AccessDenied"),
        (answered(400, {"type": "BadRequestException"}), "Fails", "UnexpectedStatus"),
        (unanswered(Outcome.REFUSED), "Silent", "ConnectionRefused"),
    ],
)
def test_ping_speaks_for_the_server(ping: Answer, sign: str, reason: str) -> None:
    reading = torchserve(ping=ping)
    assert (reading.sign, reading.reason) == (sign, reason)


@pytest.mark.parametrize(
    ("model", "sign", "reason"),
    [
        (described("READY"), "Serves", ""),
        (described("READY", "UNLOADING"), "Serves", ""),
        (described("READY", "UNLOADING", least=2), "Degraded", "WorkersMissing"),
        (described("UNLOADING"), "NotReady", "ModelNotReady"),
        (described(), "Fails", "WorkersMissing"),
        (described(least=0), "Asleep", "ModelScaledToZero"),
        (described("READY", least="x"), "Serves", ""),
        (NO_MODEL, "Fails", "ModelNotFound"),
    ],
)
def test_a_healthy_ping_does_not_speak_for_the_workers(
    model: Answer, sign: str, reason: str
) -> None:
    reading = torchserve("noop", model=model)
    assert (reading.sign, reading.reason) == (sign, reason)
    assert states(reading) == {"noop": sign}


@pytest.mark.parametrize("hidden", [LOOPBACK_ONLY, NO_TOKEN, answered(200, b"[]"), answered(405)])
def test_without_the_management_api_ping_decides_and_the_reading_says_so(hidden: Answer) -> None:
    reading = torchserve("noop", model=hidden, listing=LOOPBACK_ONLY)
    assert (reading.sign, reading.reason) == (Sign.SERVES, "ModelsNotVisible")
    assert states(reading) == {"noop": "Unknown"}
    assert torchserve("noop", ping=UNHEALTHY, model=hidden).sign is not Sign.SERVES


def test_another_models_missing_workers_only_degrade() -> None:
    reading = torchserve("noop", ping=UNHEALTHY)
    assert (reading.sign, reading.reason) == (Sign.DEGRADED, "WorkersMissing")


def test_models_nobody_required_are_listed() -> None:
    assert states(torchserve()) == {"noop": "Unknown"}


def test_the_management_api_has_a_port_of_its_own() -> None:
    steps = TORCHSERVE.steps(requiring("noop:2.0", profile="torchserve"))
    asked = [(step.request.port, step.request.path) for step in steps]
    assert asked == [(0, "/ping"), (8081, "/models?limit=1000"), (8081, "/models/noop/2.0")]
