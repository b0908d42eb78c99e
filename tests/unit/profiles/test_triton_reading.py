"""What Triton's answers mean together; the answers are those seen on Triton 2.51.0."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferencehealth.api.report import CheckSpec
from inferencehealth.checks.steps import Answer, Outcome, Reading, Sign
from inferencehealth.profiles.triton import TRITON
from tests.unit.profiles.given import answered, requiring, round_of, spec, states, unanswered

NOT_READY = answered(400, {"error": "Model version not ready"})
OOM = "Internal: RuntimeError: CUDA OOM: tried to allocate 20.00 GiB\n\nAt:\n  /m/1/model.py(10)\n"
FAILED = {"name": "broken", "version": "1", "state": "UNAVAILABLE", "reason": OOM}
UNLOADED = {"name": "good", "version": "1", "state": "UNAVAILABLE", "reason": "unloaded"}
UNLOADING = {"name": "good", "version": "1", "state": "UNLOADING"}
GOOD = {"name": "good", "version": "1", "state": "READY"}
LOADING = {"name": "slow", "version": "1", "state": "LOADING"}
NEVER_LOADED = {"name": "slow"}
RESTRICTED = answered(
    403, {"error": "This protocol is restricted, expecting header 'triton-access-token'"}
)
REFUSED = unanswered(Outcome.REFUSED)
OK = answered(200)


def triton(
    check: CheckSpec,
    *,
    index: object = (),
    live: Answer = OK,
    ready: Answer = OK,
    serving: tuple[str, ...] = (),
    model: Answer = NOT_READY,
) -> Reading:
    """A round in which the `serving` models answer 200 and all others `model`."""
    listing = index if isinstance(index, Answer) else answered(200, index)
    answers = {"live": live, "ready": ready, "index": listing}
    for required in check.models.required:
        name = f"model:{required.name}:{required.version}"
        answers[name] = answered(200) if required.name in serving else model
    return round_of(TRITON, check, answers)


NOT = answered(400)

TABLE = {
    "all serves": (["good"], [GOOD], answered(200), ["good"], "Serves", ""),
    "loading": (["slow"], [LOADING], NOT, [], "Loading", "ModelLoading"),
    "failed": (["broken"], [FAILED], NOT, [], "Fails", "ModelLoadFailed"),
    "unloaded": (["good"], [UNLOADED], NOT, [], "Fails", "ModelUnloaded"),
    "unloading": (["good"], [UNLOADING], NOT, [], "Fails", "ModelUnloaded"),
    "never loaded": (["slow"], [NEVER_LOADED, GOOD], NOT, [], "Fails", "ModelNotLoaded"),
    "absent": (["nope"], [GOOD, FAILED], NOT, [], "Fails", "ModelNotFound"),
    "absent, nothing there": (["nope"], [], answered(200), [], "Fails", "ModelNotFound"),
    "no such version": (["good:2"], [GOOD], answered(200), [], "Fails", "ModelNotFound"),
    "one of two fails": (
        ["good", "broken"],
        [GOOD, FAILED],
        NOT,
        ["good"],
        "Fails",
        "ModelLoadFailed",
    ),
    "loading beats nothing but failing": (
        ["slow", "broken"],
        [LOADING, FAILED],
        NOT,
        [],
        "Fails",
        "ModelLoadFailed",
    ),
    "another failed": (["good"], [GOOD, FAILED], NOT, ["good"], "Degraded", "ModelLoadFailed"),
    "another failed, lenient": (
        ["good"],
        [GOOD, FAILED],
        answered(200),
        ["good"],
        "Degraded",
        "ModelLoadFailed",
    ),
    "another loads, strict": (["good"], [GOOD, LOADING], NOT, ["good"], "Degraded", "ModelLoading"),
    "another loads, lenient": (["good"], [GOOD, LOADING], answered(200), ["good"], "Serves", ""),
    "another unloaded": (["slow"], [UNLOADED], answered(200), ["slow"], "Serves", ""),
    "another unloaded, strict": (["slow"], [UNLOADED], NOT, ["slow"], "Degraded", "ModelUnloaded"),
    "none named, ready": ([], [GOOD], answered(200), [], "Serves", ""),
    "none named, failed": ([], [GOOD, FAILED], NOT, [], "Fails", "ModelLoadFailed"),
    "none named, loading": ([], [GOOD, LOADING], NOT, [], "Loading", "ModelLoading"),
    "none named, failed and loading": ([], [LOADING, FAILED], NOT, [], "Fails", "ModelLoadFailed"),
    "none named, unloaded": ([], [UNLOADED], answered(200), [], "Asleep", "NoModelLoaded"),
    "none named, unloading": ([], [UNLOADING], NOT, [], "Asleep", "NoModelLoaded"),
    "none named, empty": ([], [], answered(200), [], "Asleep", "NoModelLoaded"),
    "none named, one unloading": (
        [],
        [UNLOADING, {**GOOD, "name": "a"}],
        NOT,
        [],
        "Asleep",
        "ModelUnloaded",
    ),
    "none named, one unloaded": (
        [],
        [UNLOADED, {**GOOD, "name": "a"}],
        answered(200),
        [],
        "Serves",
        "",
    ),
    "none named, all failed, lenient": (
        [],
        [FAILED],
        answered(200),
        [],
        "Fails",
        "ModelLoadFailed",
    ),
    "none named, all loading, lenient": (
        [],
        [LOADING],
        answered(200),
        [],
        "Loading",
        "ModelLoading",
    ),
    "none named, one failed, lenient": (
        [],
        [FAILED, GOOD],
        answered(200),
        [],
        "Degraded",
        "ModelLoadFailed",
    ),
    "none named, no cause": ([], [GOOD], NOT, [], "Fails", "ServerNotReady"),
    "none named, nothing loaded": (
        [],
        [NEVER_LOADED],
        answered(200),
        [],
        "Asleep",
        "NoModelLoaded",
    ),
    "exiting": (["good"], [GOOD], answered(503), ["good"], "Fails", "ServerExiting"),
    "not Triton at all": ([], answered(404), answered(404), [], "Fails", "UnexpectedStatus"),
    "restricted, ready": (["good"], RESTRICTED, answered(200), ["good"], "Serves", ""),
    "restricted, not ready": (["good"], RESTRICTED, NOT, [], "NotReady", "ModelNotReady"),
    "restricted, none named": ([], RESTRICTED, NOT, [], "NotReady", "ServerNotReady"),
    "index hangs": (["good"], unanswered(Outcome.NO_ANSWER), answered(200), ["good"], "Serves", ""),
    "index is nonsense": (["good"], answered(200, b"\xff{"), NOT, [], "NotReady", "ModelNotReady"),
}


@pytest.mark.parametrize(
    ("required", "index", "ready", "serving", "expected"),
    [(*row[:4], row[4:]) for row in TABLE.values()],
    ids=TABLE,
)
def test_a_round_reads_as(
    required: list[str],
    index: object,
    ready: Answer,
    serving: list[str],
    expected: tuple[str, str],
) -> None:
    reading = triton(requiring(*required), index=index, ready=ready, serving=tuple(serving))
    assert (reading.sign, reading.reason) == expected
    assert bool(reading.message) is (reading.sign is not Sign.SERVES)


def test_a_failed_load_is_told_in_the_servers_own_words() -> None:
    reading = triton(requiring("broken"), index=[FAILED], ready=NOT)
    assert reading.message == (
        'model "broken" failed to load: '
        "Internal: RuntimeError: CUDA OOM: tried to allocate 20.00 GiB"
    )


def test_an_unknown_model_is_told_with_those_there_are() -> None:
    reading = triton(requiring("nope"), index=[GOOD, FAILED], ready=NOT)
    assert reading.message == 'model "nope" is not in the repository; it has "broken", "good"'


def test_the_list_of_models_in_a_message_is_bounded() -> None:
    index = [{"name": f"m{n:04}", "version": "1", "state": "READY"} for n in range(1000)]
    reading = triton(requiring("nope"), index=index)
    assert reading.message.endswith("and 990 more")
    assert len(reading.message) < 300


def test_an_unloaded_model_is_told_with_how_to_load_it() -> None:
    unloaded = triton(requiring("good"), index=[UNLOADED], ready=NOT)
    never = triton(requiring("slow"), index=[NEVER_LOADED], ready=NOT)
    assert "POST /v2/repository/models/good/load" in unloaded.message
    assert "--load-model=slow" in never.message


def test_a_model_that_is_already_ready_again_is_no_failure_of_the_index() -> None:
    reading = triton(requiring("good"), index=[{**GOOD, "state": "LOADING"}], serving=("good",))
    assert reading.sign is Sign.SERVES


def test_a_model_serves_when_one_of_its_versions_does() -> None:
    old = {"name": "good", "version": "1", "state": "UNAVAILABLE", "reason": "unloaded"}
    new = {"name": "good", "version": "2", "state": "LOADING"}
    assert triton(requiring("good"), index=[old, new], ready=NOT).reason == "ModelLoading"


def test_discovered_models_are_listed_unless_the_policy_does_not_want_them() -> None:
    index = [GOOD, FAILED, LOADING, {"name": "other"}]
    seen = states(triton(requiring("good"), index=index, ready=NOT, serving=("good",)))
    assert seen == {"good": "Serves", "broken:1": "Fails", "slow:1": "Loading"}
    quiet = triton(requiring("good", discover=False), index=index, ready=NOT, serving=("good",))
    assert states(quiet) == {"good": "Serves"}


def test_without_discovery_a_strict_server_that_is_not_ready_still_degrades_the_pod() -> None:
    reading = triton(
        requiring("good", discover=False), index=[GOOD, FAILED], ready=NOT, serving=("good",)
    )
    assert (reading.sign, reading.reason) == (Sign.DEGRADED, "ModelLoadFailed")


@pytest.mark.parametrize(
    ("live", "sign", "reason"),
    [
        (REFUSED, "Silent", "ConnectionRefused"),
        (unanswered(Outcome.NO_ANSWER), "Silent", "NoAnswer"),
        (unanswered(Outcome.CONNECT_TIMEOUT), "Unknown", "ConnectTimeout"),
        (answered(403), "Unknown", "AccessDenied"),
        (answered(500), "Fails", "UnexpectedStatus"),
    ],
)
def test_the_live_answer_decides_when_it_is_not_good(live: Answer, sign: str, reason: str) -> None:
    reading = triton(requiring("good"), index=[GOOD], live=live, serving=("good",))
    assert (reading.sign, reading.reason) == (sign, reason)


def test_a_silent_server_leaves_no_required_model_without_a_state() -> None:
    reading = triton(requiring("good", "slow"), live=REFUSED)
    assert states(reading) == {"good": "Silent", "slow": "Silent"}
    assert all(item.required for item in reading.models)


def test_a_model_that_hangs_ends_the_round_and_the_models_before_it_keep_their_state() -> None:
    check = requiring("good", "slow", "zz")
    hang = unanswered(Outcome.NO_ANSWER)
    reading = triton(check, index=[GOOD], serving=("good",), model=hang)
    assert (reading.sign, reading.reason) == (Sign.SILENT, "NoAnswer")
    assert states(reading) == {"good": "Serves", "slow": "Silent", "zz": "Silent"}


def test_names_of_models_are_quoted_in_paths() -> None:
    check = requiring("org/llama?x#y", "good:1")
    paths = [step.request.path for step in TRITON.steps(check)]
    assert paths[3:] == [
        "/v2/models/org%2Fllama%3Fx%23y/ready",
        "/v2/models/good/versions/1/ready",
    ]


def test_the_index_is_asked_by_post_and_never_decides_alone() -> None:
    index = {step.name: step for step in TRITON.steps(spec())}["index"]
    assert (index.request.method, index.decisive) == ("POST", False)


@given(
    st.lists(st.sampled_from([GOOD, FAILED, LOADING, UNLOADED, NEVER_LOADED, 7, {}, {"name": 3}])),
    st.sampled_from([200, 400]),
    st.sets(st.sampled_from(["good", "slow", "broken"])),
    st.lists(st.sampled_from(["good", "slow", "broken"]), unique=True),
)
def test_a_pod_whose_required_models_do_not_all_serve_is_never_called_serving(
    index: list[object], ready: int, serving: set[str], required: list[str]
) -> None:
    reading = triton(
        requiring(*required), index=index, ready=answered(ready), serving=tuple(serving)
    )
    if not set(required) <= serving:
        assert reading.sign not in {Sign.SERVES, Sign.DEGRADED}
    elif required:
        assert reading.sign in {Sign.SERVES, Sign.DEGRADED}


@given(st.binary(max_size=300), st.integers(100, 599))
def test_no_bytes_make_a_reader_raise(body: bytes, status: int) -> None:
    for step in TRITON.steps(requiring("good")):
        reading = step.read(answered(status, body))
        assert len(reading.message) < 1024


@pytest.mark.parametrize("required", [(), ("good",)])
def test_the_metrics_port_which_calls_everything_ready_is_never_taken_for_triton(
    required: tuple[str, ...],
) -> None:
    found = triton(requiring(*required), index=answered(405), serving=required)
    assert (found.sign, found.reason) == (Sign.FAILS, "NotTritonHttp")
    assert all(item.sign is not Sign.SERVES for item in found.models)
