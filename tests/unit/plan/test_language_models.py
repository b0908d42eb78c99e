"""The probes that language model servers get, and what their owners are told about their own."""

from typing import Any

import pytest

from inferencehealth.kubelet import handler_kind
from inferencehealth.plan import Plan, plan
from inferencehealth.profiles.registry import PROFILES
from tests.unit.plan.given import a_policy, deployment

SERVERS: dict[str, dict[str, Any]] = {
    "vllm": {"image": "vllm/vllm-openai:v0.11.0", "args": ["--model", "a"]},
    "sglang": {"image": "own:1", "command": ["sglang", "serve", "--model-path", "a"]},
    "tgi": {"image": "ghcr.io/huggingface/text-generation-inference:3.3.7"},
    "tei": {"image": "ghcr.io/huggingface/text-embeddings-inference:1.9"},
    "nim": {"image": "nvcr.io/nim/meta/llama3-8b-instruct:1.0.3"},
    "llamacpp": {"image": "ghcr.io/ggml-org/llama.cpp:server"},
    "ollama": {"image": "ollama/ollama:0.17.4"},
    "infinity": {"image": "michaelf34/infinity:0.0.77"},
    "speaches": {"image": "ghcr.io/speaches-ai/speaches:latest-cpu"},
    "jetstream": {"image": "own:1", "command": ["python", "-m"]}
    | {"args": ["jetstream.entrypoints.http.api_server"]},
    "tensorrt-llm": {"image": "own:1", "command": ["trtllm-serve", "a"]},
    "dynamo": {"image": "own:1", "command": ["python3", "-m", "dynamo.frontend"]},
}

PATHS = {
    # startup, liveness, readiness
    "vllm": ("/health", "/health", "/health"),
    "sglang": ("/health", "curl /v1/models", "/health"),
    "tgi": ("/info", "/info", "/health"),
    "tei": ("/metrics", "/metrics", "/health"),
    "nim": ("/v1/health/live", "/v1/health/live", "/v1/health/ready"),
    "llamacpp": ("/health", "/health", "/health"),
    "ollama": ("/", "/", "/"),
    "infinity": ("/health", "/health", "/health"),
    "speaches": ("/health", "/health", "/health"),
    "jetstream": ("/", "/", "/v1/health"),
    "tensorrt-llm": ("/health", "/health", "/health"),
    "dynamo": ("/live", "/live", "/health"),
}


def planned(name: str, strategy: str = "Profile", **probes: Any) -> Plan:
    policy = a_policy(probes={"mode": "Recommend", "liveness": {"strategy": strategy}})
    return plan(policy, deployment(SERVERS[name] | probes))


def path_of(probe: dict[str, Any]) -> str:
    if handler_kind(probe) == "exec":
        program, *_, url = probe["exec"]["command"]
        return f"{program} /{url.split('/', 3)[3]}"
    return str(probe["httpGet"]["path"])


@pytest.mark.parametrize("strategy", ["Profile", "Process"])
@pytest.mark.parametrize("name", SERVERS)
def test_the_probes_ask_what_fits_the_server(name: str, strategy: str) -> None:
    made = planned(name, strategy)
    assert (made.detection.profile, made.problems) == (name, ())
    assert tuple(path_of(one.wanted) for one in made.probes if one.wanted) == PATHS[name]


@pytest.mark.parametrize("name", SERVERS)
def test_no_recommended_liveness_walks_into_its_servers_own_trap(name: str) -> None:
    [profile] = [one for one in PROFILES if one.name == name]
    assert PATHS[name][1] not in {path for path, _ in profile.liveness_traps}
    assert not {f.id for f in planned(name).findings} & TRAPS


TRAPS = {"InferenceInLiveness", "ReadyInLiveness", "DependencyInLiveness"}


@pytest.mark.parametrize(
    ("name", "path", "trap"),
    [
        ("sglang", "/health_generate", "InferenceInLiveness"),
        ("sglang", "/health", "InferenceInLiveness"),
        ("sglang", "/health?x=1", "InferenceInLiveness"),
        ("tgi", "/health", "InferenceInLiveness"),
        ("tgi", "/", "InferenceInLiveness"),
        ("tei", "/ping", "InferenceInLiveness"),
        ("tensorrt-llm", "/health_generate", "InferenceInLiveness"),
        ("nim", "/v1/health/ready", "ReadyInLiveness"),
        ("dynamo", "/health", "DependencyInLiveness"),
        ("vllm", "/health", ""),
        ("tgi", "/info", ""),
        ("tensorrt-llm", "/health", ""),
    ],
)
def test_an_authors_liveness_that_would_kill_a_working_server_is_told(
    name: str, path: str, trap: str
) -> None:
    own = {"livenessProbe": {"httpGet": {"path": path, "port": 1}, "failureThreshold": 3}}
    found = {f.id: f for f in planned(name, **own).findings}
    assert found.keys() & TRAPS == ({trap} if trap else set())
    assert not trap or (found[trap].message and found[trap].remedy)


@pytest.mark.parametrize(
    ("name", "lie"),
    [
        ("vllm", "HealthyWithoutEngine"),
        ("infinity", "HealthyWithoutEngine"),
        ("ollama", "ReadyWithoutModel"),
        ("speaches", "ReadyWithoutModel"),
        ("dynamo", "KubeletCannotReadBody"),
        ("jetstream", "KubeletCannotReadBody"),
    ],
)
def test_readiness_that_says_less_than_it_seems_is_told(name: str, lie: str) -> None:
    assert lie in {f.id for f in planned(name).findings}
    own = {"readinessProbe": {"httpGet": {"path": "/own", "port": 1}}}
    assert lie not in {f.id for f in planned(name, **own).findings}


def test_models_named_by_arguments_are_required_where_they_are_listed_by_that_name() -> None:
    check = planned("vllm").check
    assert check is not None
    assert [model.name for model in check.models.required] == ["a"]
    check = planned("nim").check
    assert check is not None
    assert check.models.required == ()
