"""What TensorFlow Serving's answers mean: the state in the body, never the status alone.

Bodies from g3doc/api_rest.md, apis/get_model_status.proto and get_model_status_impl.cc of 2.20.
"""

from typing import Any

import pytest

from inferencehealth.checks.steps import Answer, Outcome, Reading, Sign
from inferencehealth.profiles.profile import Asked
from inferencehealth.profiles.tfserving import TFSERVING
from tests.unit.profiles.given import answered, requiring, round_of, states, unanswered

NO_MODEL = answered(404, {"error": "Could not find any versions of model m"})


def version(state: str, code: str = "OK", message: str = "", number: str = "1") -> dict[str, Any]:
    status = {"error_code": code, "error_message": message}
    return {"version": number, "state": state, "status": status}


def told(*versions: dict[str, Any]) -> Answer:
    return answered(200, {"model_version_status": list(versions)})


def tfserving(*required: str, model: Answer) -> Reading:
    check = requiring(*required, profile="tfserving")
    answers = {f"model:{m.name}:{m.version}": model for m in check.models.required}
    return round_of(TFSERVING, check, answers or {"live": model})


@pytest.mark.parametrize(
    ("model", "sign", "reason"),
    [
        (told(version("AVAILABLE")), "Serves", ""),
        (told(version("START")), "Loading", "ModelLoading"),
        (told(version("LOADING")), "Loading", "ModelLoading"),
        (told(version("UNLOADING")), "Fails", "ModelUnloaded"),
        (told(version("END")), "Fails", "ModelUnloaded"),
        (told(version("END", "NOT_FOUND", "no saved_model.pb")), "Fails", "ModelLoadFailed"),
        (told(version("UNKNOWN")), "Unknown", "StateUnknown"),
        (told(version("END"), version("AVAILABLE", number="2")), "Serves", ""),
        (told(version("AVAILABLE"), version("LOADING", number="2")), "Serves", ""),
        (told(), "Fails", "StateNotTold"),
        (answered(200, b"<html>"), "Fails", "StateNotTold"),
        (NO_MODEL, "Fails", "ModelNotFound"),
        (answered(400, {"error": "Malformed request"}), "Fails", "UnexpectedStatus"),
        (answered(503, {"error": "x"}), "Fails", "UnexpectedStatus"),
        (unanswered(Outcome.REFUSED), "Silent", "ConnectionRefused"),
    ],
)
def test_a_status_of_200_serves_only_with_a_version_available(
    model: Answer, sign: str, reason: str
) -> None:
    reading = tfserving("m", model=model)
    assert (reading.sign, reading.reason) == (sign, reason)
    assert states(reading) == {"m": sign}


def test_a_required_version_is_asked_for_and_alone_decides() -> None:
    paths = [step.request.path for step in TFSERVING.steps(requiring("m:2", profile="tfserving"))]
    assert paths == ["/v1/models/m/versions/2"]
    assert tfserving("m:2", model=told(version("AVAILABLE"))).reason == "StateNotTold"


def test_why_a_load_failed_is_told() -> None:
    reading = tfserving("m", model=told(version("END", "NOT_FOUND", "no saved_model.pb")))
    assert reading.message == 'model "m" version 1 failed to load: no saved_model.pb'


@pytest.mark.parametrize("status", [200, 400, 404])
def test_without_a_model_any_answer_is_life(status: int) -> None:
    assert tfserving(model=answered(status, {"error": "Malformed request"})).sign is Sign.SERVES
    assert tfserving(model=unanswered(Outcome.REFUSED)).sign is Sign.SILENT


def test_the_kubelet_asks_for_the_metadata_because_the_status_is_always_200() -> None:
    required = requiring("m:3", profile="tfserving").models.required
    probes = TFSERVING.handlers(Asked(port=8501, required_models=required))
    path = "/v1/models/m/versions/3/metadata"
    assert probes.readiness == {"httpGet": {"path": path, "port": 8501}}
    assert probes.liveness == {"httpGet": {"path": "/v1/models/m", "port": 8501}}
    assert probes.startup == probes.liveness
    blind = TFSERVING.handlers(Asked(port=8501))
    assert blind.readiness == {"tcpSocket": {"port": 8501}}
