"""What MLServer's answers mean; codes and bodies as MLServer 1.7.1 gives them, run."""

import pytest

from inferencehealth.checks.steps import Answer, Outcome, Reading, Sign
from inferencehealth.profiles.mlserver import MLSERVER
from inferencehealth.profiles.profile import Asked
from tests.unit.profiles.given import answered, requiring, round_of, states, unanswered

OK = answered(200)
NOT_READY = answered(400)
UNKNOWN_MODEL = answered(404, {"error": "Model nope not found"})
NO_INDEX = answered(404, {"detail": "Not Found"})


def index(**models: str) -> Answer:
    return answered(200, [{"name": n, "state": s, "reason": ""} for n, s in models.items()])


def mlserver(
    *required: str,
    live: Answer = OK,
    ready: Answer = OK,
    listing: Answer = NO_INDEX,
    model: Answer = OK,
    discover: bool = True,
) -> Reading:
    check = requiring(*required, profile="mlserver", discover=discover)
    answers = {"live": live, "ready": ready, "index": listing}
    answers |= {f"model:{m.name}:{m.version}": model for m in check.models.required}
    return round_of(MLSERVER, check, answers)


@pytest.mark.parametrize(
    ("model", "sign", "reason"),
    [
        (OK, "Serves", ""),
        (NOT_READY, "NotReady", "ModelNotReady"),
        (UNKNOWN_MODEL, "Fails", "ModelNotFound"),
        (answered(500, {"error": "x"}), "Fails", "UnexpectedStatus"),
        (answered(403), "Unknown", "AccessDenied"),
        (unanswered(Outcome.NO_ANSWER), "Silent", "NoAnswer"),
        (unanswered(Outcome.REFUSED), "Silent", "ConnectionRefused"),
    ],
)
def test_the_models_own_answer_decides(model: Answer, sign: str, reason: str) -> None:
    reading = mlserver("good", model=model)
    assert (reading.sign, reading.reason) == (sign, reason)
    assert states(reading) == {"good": sign}


@pytest.mark.parametrize(
    ("state", "sign", "reason"),
    [
        ("UNAVAILABLE", "Fails", "ModelNotLoaded"),
        ("UNLOADING", "Fails", "ModelUnloaded"),
        ("UNKNOWN", "Loading", "ModelLoading"),
        ("READY", "Fails", "ModelNotFound"),
        ("SOMETHING", "Fails", "ModelNotFound"),
    ],
)
def test_the_index_says_why_a_model_is_not_found(state: str, sign: str, reason: str) -> None:
    reading = mlserver("good", model=UNKNOWN_MODEL, listing=index(good=state, other="READY"))
    assert (reading.sign, reading.reason) == (sign, reason)


def test_a_model_that_is_nowhere_is_told_with_those_there_are() -> None:
    reading = mlserver("nope", model=UNKNOWN_MODEL, listing=index(good="READY", slow="UNKNOWN"))
    assert reading.message == 'MLServer has no model "nope"; it has "good", "slow"'


def test_a_model_nobody_needs_only_degrades_while_it_loads() -> None:
    reading = mlserver("good", ready=NOT_READY, listing=index(good="READY", slow="UNKNOWN"))
    assert (reading.sign, reading.reason) == (Sign.DEGRADED, "ServerNotReady")
    assert states(reading) == {"good": "Serves", "slow": "Loading"}


def test_without_a_required_model_the_server_decides() -> None:
    assert mlserver().sign is Sign.SERVES
    loading = mlserver(ready=NOT_READY, listing=index(slow="UNKNOWN"))
    assert (loading.sign, loading.reason) == (Sign.LOADING, "ModelLoading")
    assert mlserver(ready=NOT_READY).reason == "ServerNotReady"


def test_a_ready_server_that_has_loaded_nothing_is_asleep() -> None:
    reading = mlserver(listing=index(a="UNAVAILABLE", b="UNAVAILABLE"))
    assert (reading.sign, reading.reason) == (Sign.ASLEEP, "NoModelLoaded")


def test_what_is_not_to_be_discovered_is_not_told() -> None:
    reading = mlserver("good", listing=index(good="READY", b="READY"), discover=False)
    assert states(reading) == {"good": "Serves"}


@pytest.mark.parametrize("listing", [NO_INDEX, answered(200, b"{}"), answered(200, [1, {}])])
def test_without_an_index_the_rest_is_judged_as_before(listing: Answer) -> None:
    assert mlserver("good", listing=listing).sign is Sign.SERVES


def test_a_version_is_asked_for_by_its_own_path() -> None:
    steps = MLSERVER.steps(requiring("a/b:2", profile="mlserver"))
    assert steps[-1].request.path == "/v2/models/a%2Fb/versions/2/ready"


def test_one_required_model_is_what_the_kubelet_asks_for_readiness() -> None:
    required = requiring("good", profile="mlserver").models.required
    probes = MLSERVER.handlers(Asked(port=8080, required_models=required))
    assert probes.readiness == {"httpGet": {"path": "/v2/models/good/ready", "port": 8080}}
    assert probes.liveness == {"httpGet": {"path": "/v2/health/live", "port": 8080}}
    both = MLSERVER.handlers(Asked(port=8080, required_models=required * 2))
    assert both.readiness == {"httpGet": {"path": "/v2/health/ready", "port": 8080}}
