"""What a whole round says of a language model server and of each of its models."""

from typing import Any

import pytest

from inferencehealth.checks.steps import Answer, Outcome, Reading
from inferencehealth.profiles.registry import profile_named
from tests.unit.profiles.given import answered, round_of, spec, states, unanswered

NO_KEY = answered(401, {"error": "Unauthorized"})
GONE = answered(404, {"detail": "Not Found"})


def listing(*names: str, **fields: Any) -> Answer:
    return answered(200, {"data": [{"id": name, **fields} for name in names]})


def ollama(*names: str, **fields: Any) -> Answer:
    return answered(200, {"models": [{"name": name, **fields} for name in names]})


GOOD: dict[str, dict[str, Answer]] = {
    "vllm": {"health": answered(200), "models": listing("a"), "sleeping": GONE},
    "sglang": {"health": answered(200), "models": listing("a")},
    "tgi": {"health": answered(200), "models": answered(200, {"model_id": "a"})},
    "tei": {"health": answered(200), "models": answered(200, {"model_id": "a"})},
    "nim": {"live": answered(200), "ready": answered(200), "models": listing("a")},
    "llamacpp": {"health": answered(200), "models": listing("a"), "props": answered(200, {})},
    "ollama": {"live": answered(200), "models": ollama("a:latest"), "loaded": ollama("a:latest")},
    "infinity": {"health": answered(200), "models": listing("a"), "models-v1": GONE},
    "speaches": {
        "health": answered(200),
        "models": listing("a"),
        "loaded": answered(200, {"models": ["a"]}),
    },
    "tensorrt-llm": {"health": answered(200), "models": listing("a")},
    "dynamo": {"health": answered(200, {"status": "healthy"}), "models": listing("a")},
}
"""A server that serves one model "a"."""


def said(profile: str, *required: str, discover: bool = True, **changed: Answer) -> Reading:
    names = [{"name": name} for name in required]
    check = spec(profile, models={"required": names, "discover": discover})
    answers = GOOD[profile] | {name.replace("__", "-"): a for name, a in changed.items()}
    return round_of(profile_named(profile), check, answers)


def summary(reading: Reading) -> tuple[str, str, dict[str, str]]:
    return reading.sign.value, reading.reason, states(reading)


@pytest.mark.parametrize("profile", GOOD)
def test_a_model_that_is_listed_serves(profile: str) -> None:
    assert summary(said(profile, "a")) == ("Serves", "", {"a": "Serves"})
    assert said(profile, "a").models[0].required


@pytest.mark.parametrize("profile", GOOD)
def test_a_required_model_that_is_not_listed_fails_and_those_there_are_are_named(
    profile: str,
) -> None:
    reading = said(profile, "b", discover=False)
    assert summary(reading) == ("Fails", "ModelNotFound", {"b": "Fails"})
    assert 'the server has no model "b"; it has "a' in reading.message


@pytest.mark.parametrize("profile", GOOD)
def test_a_silent_server_serves_no_model(profile: str) -> None:
    first = next(iter(GOOD[profile]))
    reading = said(profile, "a", **{first: unanswered(Outcome.REFUSED)})
    assert summary(reading) == ("Silent", "ConnectionRefused", {"a": "Silent"})


@pytest.mark.parametrize("profile", GOOD)
def test_without_required_models_the_listed_ones_are_shown_where_asked_for(profile: str) -> None:
    shown = states(said(profile))
    assert [(name.partition(":")[0], sign) for name, sign in shown.items()] == [("a", "Serves")]
    assert states(said(profile, discover=False)) == {}


BEHIND_A_KEY = {
    "vllm": "Serves",
    "sglang": "Serves",
    "tei": "Serves",
    "nim": "Serves",
    "infinity": "Serves",
    "tensorrt-llm": "Serves",
    "llamacpp": "Serves",
    "speaches": "Unknown",
    "dynamo": "Unknown",
}
"""Where health means that the model is loaded it stands; elsewhere nobody can know."""


@pytest.mark.parametrize(("profile", "sign"), BEHIND_A_KEY.items())
def test_a_list_behind_a_key_is_no_fault_and_no_proof(profile: str, sign: str) -> None:
    reading = said(profile, "a", models=NO_KEY)
    assert (reading.sign, states(reading)) == (sign, {"a": "Unknown"})
    assert reading.models[0].reason == "AccessDenied"
    assert said(profile, models=NO_KEY).sign == "Serves"


ROUNDS = [
    # (profile, required, changed answers, sign, reason, states)
    (
        "vllm",
        ("a",),
        {"sleeping": answered(200, {"is_sleeping": True})},
        "Asleep",
        "Asleep",
        {"a": "Asleep"},
    ),
    (
        "vllm",
        ("a",),
        {"health": answered(503), "models": listing("a")},
        "Fails",
        "EngineDead",
        {"a": "Fails"},
    ),
    (
        "vllm",
        ("a", "lora"),
        {"models": listing("a", "lora")},
        "Serves",
        "",
        {"a": "Serves", "lora": "Serves"},
    ),
    ("vllm", ("a",), {"models": unanswered(Outcome.NO_ANSWER)}, "Serves", "", {"a": "Unknown"}),
    ("sglang", ("a",), {"health": answered(503)}, "NotReady", "ServerNotReady", {"a": "NotReady"}),
    (
        "sglang",
        ("a",),
        {"health": unanswered(Outcome.NO_ANSWER)},
        "Silent",
        "NoAnswer",
        {"a": "Silent"},
    ),
    ("tgi", ("a",), {"health": answered(503)}, "Fails", "ServerUnhealthy", {"a": "Fails"}),
    (
        "tei",
        ("n",),
        {"models": answered(200, {"model_id": "m", "served_model_name": "n"})},
        "Serves",
        "",
        {"n": "Serves", "m": "Serves"},
    ),
    ("nim", ("a",), {"ready": answered(503)}, "NotReady", "ServerNotReady", {"a": "NotReady"}),
    ("llamacpp", ("a",), {"health": answered(503)}, "Loading", "ModelLoading", {"a": "Loading"}),
    (
        "llamacpp",
        ("a",),
        {"props": answered(200, {"is_sleeping": True})},
        "Serves",
        "ModelAsleep",
        {"a": "Asleep"},
    ),
    (
        "llamacpp",
        ("b",),
        {"props": answered(200, {"is_sleeping": True})},
        "Fails",
        "ModelNotFound",
        {"b": "Fails", "a": "Serves"},
    ),
    (
        "llamacpp",
        ("a",),
        {"models": listing("a", status={"value": "loading"})},
        "Loading",
        "ModelLoading",
        {"a": "Loading"},
    ),
    (
        "llamacpp",
        ("a",),
        {"models": listing("a", status={"value": "unloaded"})},
        "Serves",
        "",
        {"a": "Asleep"},
    ),
    (
        "llamacpp",
        ("a",),
        {"models": listing("a", status={"value": "sleeping"})},
        "Serves",
        "",
        {"a": "Asleep"},
    ),
    (
        "llamacpp",
        ("a",),
        {"models": listing("a", status={"value": "unloaded", "failed": True})},
        "Fails",
        "ModelLoadFailed",
        {"a": "Fails"},
    ),
    (
        "llamacpp",
        (),
        {"models": listing("a", status={"value": "unloaded", "failed": True})},
        "Fails",
        "ModelLoadFailed",
        {"a": "Fails"},
    ),
    (
        "llamacpp",
        ("a",),
        {"models": listing("a", status={"value": "new"})},
        "Serves",
        "",
        {"a": "Serves"},
    ),
    (
        "llamacpp",
        ("b",),
        {"models": listing("a", aliases=["a", "b", 1])},
        "Serves",
        "",
        {"b": "Serves", "a": "Serves"},
    ),
    ("ollama", ("a",), {"loaded": ollama()}, "Serves", "", {"a": "Asleep"}),
    ("ollama", ("a:latest",), {"loaded": GONE}, "Serves", "", {"a:latest": "Serves"}),
    (
        "ollama",
        ("a:7b",),
        {"models": ollama("a:latest"), "loaded": ollama()},
        "Fails",
        "ModelNotFound",
        {"a:7b": "Fails", "a:latest": "Asleep"},
    ),
    (
        "ollama",
        ("a",),
        {"models": ollama(), "loaded": ollama()},
        "Fails",
        "ModelNotFound",
        {"a": "Fails"},
    ),
    ("ollama", (), {"models": ollama(), "loaded": ollama()}, "Asleep", "NoModel", {}),
    ("ollama", (), {"models": GONE}, "Serves", "", {}),
    ("ollama", ("a",), {"models": GONE}, "Unknown", "ModelsUnreadable", {"a": "Unknown"}),
    (
        "infinity",
        ("a",),
        {"models": GONE, "models__v1": listing("a")},
        "Serves",
        "",
        {"a": "Serves"},
    ),
    ("infinity", ("a",), {"models": GONE}, "Serves", "", {"a": "Unknown"}),
    (
        "infinity",
        ("a",),
        {"models": listing("a", stats={"queue_fraction": 1.5})},
        "Busy",
        "QueueFull",
        {"a": "Busy"},
    ),
    (
        "infinity",
        ("a",),
        {"models": listing("a", stats={"queue_fraction": 0.2})},
        "Serves",
        "",
        {"a": "Serves"},
    ),
    ("speaches", ("a",), {"loaded": answered(200, {"models": []})}, "Serves", "", {"a": "Asleep"}),
    ("speaches", (), {"models": listing()}, "Asleep", "NoModel", {}),
    ("dynamo", (), {"models": listing()}, "NotReady", "NoWorkers", {}),
    ("dynamo", ("a",), {"models": listing()}, "NotReady", "NoWorkers", {"a": "NotReady"}),
    ("dynamo", (), {"models": GONE}, "Serves", "", {}),
    (
        "dynamo",
        ("a",),
        {"health": answered(503, {"status": "not_ready"})},
        "Loading",
        "Discovering",
        {"a": "Loading"},
    ),
]


@pytest.mark.parametrize(
    ("profile", "required", "changed", "told"),
    [
        pytest.param(*row[:3], row[3:], id=f"{n}-{row[0]}-{row[3]}-{row[4]}")
        for n, row in enumerate(ROUNDS)
    ],
)
def test_a_round_joins_health_list_and_sleep(
    profile: str,
    required: tuple[str, ...],
    changed: dict[str, Answer],
    told: tuple[str, str, dict[str, str]],
) -> None:
    assert summary(said(profile, *required, **changed)) == told


def test_one_failed_model_that_nobody_asked_for_only_degrades_a_router() -> None:
    models = answered(
        200, {"data": [{"id": "a"}, {"id": "b", "status": {"value": "unloaded", "failed": True}}]}
    )
    assert said("llamacpp", models=models).sign == "Degraded"
    assert said("llamacpp", "a", models=models).sign == "Serves"


@pytest.mark.parametrize(("vram", "told"), [(0, "0 %"), (25, "25 %"), (100, ""), (120, "")])
def test_ollama_tells_what_runs_on_the_cpu(vram: int, told: str) -> None:
    [item] = said("ollama", "a", loaded=ollama("a:latest", size=100, size_vram=vram)).models
    assert item.sign == "Serves"
    assert item.message.startswith(told)
    assert bool(item.message) is bool(told)
