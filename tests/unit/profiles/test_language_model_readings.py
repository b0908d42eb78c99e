"""What each answer of each language model server means: one row per answer.

Bodies marked "run" were recorded from the running server, the others are what its source or
documentation writes; the docstring of each profile names both with their version.
"""

from typing import Any

import pytest

from inferencehealth.checks.steps import Answer, Outcome
from inferencehealth.profiles.registry import profile_named
from tests.unit.profiles.given import answered, requiring, unanswered

LIST = {"object": "list", "data": [{"id": "m", "object": "model", "owned_by": "x"}]}
HTML = b"<!doctype html><html></html>"
EMPTY = b""
LOADING = {"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}}
TGI_DOWN = {"error": "unhealthy", "error_type": "healthcheck"}
TEI_DOWN = {"error": "unhealthy", "error_type": "unhealthy"}
NIM_READY = {"object": "health.response", "message": "Service is ready.", "status": "ready"}
NIM_WAITS = {"object": "health.response", "message": "Service is not ready.", "status": "not_ready"}
INSTANCE = {"component": "backend", "endpoint": "generate", "namespace": "dynamo"}
ENDPOINT = "dyn://dynamo.backend.generate"
NO_WORKER = {"instances": [], "message": "No endpoints available", "status": "unhealthy"}
WORKER_WAITS = {"endpoints": {"generate": "notready"}, "status": "notready", "uptime": {"secs": 12}}
WORKER_READY = {"endpoints": {"generate": "ready"}, "status": "ready", "uptime": {"secs": 18}}
UNREADABLE = ("Unknown", "ModelsUnreadable")
FULL = {"data": [{"id": "m", "stats": {"queue_fraction": 1.2, "results_pending": 9}}]}
CALM = {"data": [{"id": "m", "stats": {"queue_fraction": 0.0, "results_pending": 0}}]}

Row = tuple[int, Any, str, str]

LISTS: list[Row] = [
    (200, LIST, "Serves", ""),
    (200, {"data": []}, "Serves", ""),
    (200, {"data": "m"}, *UNREADABLE),
    (200, HTML, *UNREADABLE),
    (404, {"detail": "Not Found"}, *UNREADABLE),
    (500, EMPTY, *UNREADABLE),
    (401, {"error": "Unauthorized"}, "Unknown", "AccessDenied"),
]
"""OpenAI's list of models, read alike for whoever answers it."""

READINGS: dict[tuple[str, str], list[Row]] = {
    ("vllm", "health"): [
        (200, EMPTY, "Serves", ""),  # run: ready, asleep, and with a frozen engine
        (503, EMPTY, "Fails", "EngineDead"),  # run: a second after its engine was killed
        (404, {"detail": "Not Found"}, "Fails", "UnexpectedStatus"),
        (500, b"Internal Server Error", "Fails", "UnexpectedStatus"),
    ],
    ("vllm", "models"): LISTS,
    ("vllm", "sleeping"): [
        (200, {"is_sleeping": True}, "Asleep", "Asleep"),  # run, with dev mode
        (200, {"is_sleeping": False}, "Serves", ""),
        (404, {"detail": "Not Found"}, "Serves", ""),  # run, without dev mode
        (200, HTML, "Serves", ""),
        (401, EMPTY, "Serves", ""),
    ],
    ("sglang", "health"): [
        (200, EMPTY, "Serves", ""),
        (503, EMPTY, "NotReady", "ServerNotReady"),
        (404, EMPTY, "Fails", "UnexpectedStatus"),
    ],
    ("sglang", "models"): LISTS,
    ("tgi", "health"): [
        (200, EMPTY, "Serves", ""),
        (503, TGI_DOWN, "Fails", "ServerUnhealthy"),
        (429, EMPTY, "Fails", "UnexpectedStatus"),
    ],
    ("tgi", "models"): [
        (200, {"model_id": "m", "model_sha": "x", "max_concurrent_requests": 128}, "Serves", ""),
        (200, {"model_sha": "x"}, *UNREADABLE),
        (200, HTML, *UNREADABLE),
        (404, EMPTY, *UNREADABLE),
        (403, EMPTY, "Unknown", "AccessDenied"),
    ],
    ("tei", "health"): [
        (200, EMPTY, "Serves", ""),
        (503, TEI_DOWN, "Fails", "ServerUnhealthy"),
        (429, EMPTY, "Fails", "UnexpectedStatus"),
    ],
    ("tei", "models"): [
        (200, {"model_id": "m", "served_model_name": "n", "model_dtype": "float16"}, "Serves", ""),
        (200, {"model_id": "m"}, "Serves", ""),
        (200, {}, *UNREADABLE),
        (404, EMPTY, *UNREADABLE),
        (401, EMPTY, "Unknown", "AccessDenied"),
    ],
    ("nim", "live"): [
        (200, {"object": "health.response", "message": "Service is live."}, "Serves", ""),
        (503, EMPTY, "Fails", "UnexpectedStatus"),
    ],
    ("nim", "ready"): [
        (200, NIM_READY, "Serves", ""),
        (200, EMPTY, "Serves", ""),
        (200, NIM_WAITS, "NotReady", "ServerNotReady"),
        (503, NIM_WAITS, "NotReady", "ServerNotReady"),
        (503, EMPTY, "NotReady", "ServerNotReady"),
        (404, EMPTY, "Fails", "UnexpectedStatus"),
    ],
    ("nim", "models"): LISTS,
    ("llamacpp", "health"): [
        (200, {"status": "ok"}, "Serves", ""),  # run: ready, and with every slot busy
        (503, LOADING, "Loading", "ModelLoading"),  # run
        (404, EMPTY, "Fails", "UnexpectedStatus"),
    ],
    ("llamacpp", "models"): [*LISTS, (503, LOADING, *UNREADABLE)],  # run
    ("llamacpp", "props"): [
        (200, {"is_sleeping": True}, "Serves", "ModelAsleep"),
        (200, {"is_sleeping": False, "total_slots": 1}, "Serves", ""),
        (200, {"total_slots": 1}, "Serves", ""),
        (401, {"error": {"message": "Invalid API Key"}}, "Serves", ""),
        (503, LOADING, "Serves", ""),
    ],
    ("ollama", "live"): [
        (200, b"Ollama is running", "Serves", ""),  # run, whatever was wrong
        (500, EMPTY, "Fails", "UnexpectedStatus"),
    ],
    ("ollama", "models"): [
        (200, {"models": []}, "Serves", ""),  # run: nothing pulled
        (200, {"models": [{"name": "tiny:latest", "model": "tiny:latest"}]}, "Serves", ""),
        (200, {"models": None}, *UNREADABLE),
        (404, EMPTY, *UNREADABLE),
    ],
    ("ollama", "loaded"): [
        (200, {"models": []}, "Serves", ""),  # run: nothing loaded
        (200, {"models": [{"name": "tiny:latest", "size": 2, "size_vram": 2}]}, "Serves", ""),
        (200, {"models": [{"name": "tiny:latest", "size": "2"}, 1, {}]}, "Serves", ""),
        (404, EMPTY, *UNREADABLE),
    ],
    ("infinity", "health"): [
        (200, {"unix": 1763719200.5}, "Serves", ""),
        (404, EMPTY, "Fails", "UnexpectedStatus"),
    ],
    ("infinity", "models"): [*LISTS, (200, CALM, "Serves", ""), (200, FULL, "Serves", "")],
    ("infinity", "models-v1"): LISTS,
    ("speaches", "health"): [
        (200, {"message": "OK"}, "Serves", ""),
        (404, EMPTY, "Fails", "UnexpectedStatus"),
    ],
    ("speaches", "models"): LISTS,
    ("speaches", "loaded"): [
        (200, {"models": ["m"]}, "Serves", ""),
        (200, {"models": [1, None, "m"]}, "Serves", ""),
        (200, {"models": {}}, *UNREADABLE),
        (403, {"detail": "Not authenticated"}, "Unknown", "AccessDenied"),
    ],
    ("jetstream", "health"): [
        (200, {"is_live": "True"}, "Serves", ""),
        (200, {"is_live": True}, "Serves", ""),
        (200, {"is_live": "False"}, "Fails", "EngineDead"),
        (200, {"message": "JetStream HTTP Server"}, "Fails", "UnexpectedStatus"),
        (500, EMPTY, "Fails", "UnexpectedStatus"),
    ],
    ("tensorrt-llm", "health"): [
        (200, EMPTY, "Serves", ""),
        (
            503,
            b"LLM is unavailable. Please check the server logs for more details.",
            "Fails",
            "EngineDead",
        ),
        (404, EMPTY, "Fails", "UnexpectedStatus"),
    ],
    ("tensorrt-llm", "models"): LISTS,
    ("dynamo", "health"): [
        (
            200,
            {"status": "healthy", "instances": [INSTANCE], "endpoints": [ENDPOINT]},
            "Serves",
            "",
        ),
        (200, {"status": "healthy", "instances": [], "endpoints": []}, "NotReady", "NoWorkers"),
        (200, NO_WORKER, "NotReady", "NoWorkers"),
        (503, {"status": "not_ready", "instances": []}, "Loading", "Discovering"),
        (503, {"status": "shutting_down"}, "Fails", "ServerExiting"),
        (503, WORKER_WAITS, "NotReady", "EndpointsNotReady"),
        (200, WORKER_WAITS, "NotReady", "EndpointsNotReady"),
        (200, WORKER_READY, "Serves", ""),
        (404, EMPTY, "Fails", "UnexpectedStatus"),
    ],
    ("dynamo", "models"): LISTS,
}

OWN_PORT = 8080
"""A port on which no other server answers in the place of this one."""

SERVERS = sorted({profile for profile, _ in READINGS})


def reading_of(profile: str, step: str, answer: Answer) -> tuple[str, str]:
    """Sign and reason of one step's answer."""
    check = requiring(profile=profile).model_copy(update={"port": OWN_PORT})
    steps = {one.name: one for one in profile_named(profile).steps(check)}
    reading = steps[step].read(answer)
    return reading.sign.value, reading.reason


@pytest.mark.parametrize(
    ("profile", "step", "row"),
    [
        pytest.param(*key, row, id=f"{key[0]}-{key[1]}-{row[0]}-{row[2]}-{n}")
        for key, rows in READINGS.items()
        for n, row in enumerate(rows)
    ],
)
def test_an_answer_reads_as_its_server_means_it(profile: str, step: str, row: Row) -> None:
    status, body, sign, reason = row
    assert reading_of(profile, step, answered(status, body)) == (sign, reason)


@pytest.mark.parametrize("profile", SERVERS)
def test_every_step_of_a_server_has_its_rows(profile: str) -> None:
    steps = {step.name for step in profile_named(profile).steps(requiring(profile=profile))}
    assert steps == {step for name, step in READINGS if name == profile}


@pytest.mark.parametrize("profile", SERVERS)
@pytest.mark.parametrize("outcome", [one for one in Outcome if one is not Outcome.ANSWERED])
def test_no_answer_is_never_read_as_an_answer(profile: str, outcome: Outcome) -> None:
    first, *rest = profile_named(profile).steps(requiring(profile=profile))
    assert first.read(unanswered(outcome)).sign not in {"Serves", "Degraded"}
    assert first.decisive
    assert not any(step.decisive for step in rest if step.kind == "index")


def test_jetstream_is_asked_where_gke_answers_for_it() -> None:
    profile = profile_named("jetstream")
    check = requiring(profile="jetstream").model_copy(update={"port": 8080})
    assert [step.request.path for step in profile.steps(check)] == ["/v1/health"]
    gke = requiring(profile="jetstream")
    [step] = profile.steps(gke)
    assert step.request.path == "/healthcheck"
    assert step.read(answered(200)).sign == "Serves"
    assert step.read(answered(500)).sign == "Fails"
