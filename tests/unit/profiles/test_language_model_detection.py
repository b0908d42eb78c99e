"""Which port a language model server listens on, and under which names it serves."""

from typing import Any

import pytest

from inferencehealth.profiles.registry import PROFILES, profile_named
from tests.unit.profiles.given import a_container, ports

VLLM, SGLANG = "vllm/vllm-openai:v0.11.0", "lmsysorg/sglang:v0.5.3"
TGI = "ghcr.io/huggingface/text-generation-inference:3.3.7"
TEI = "ghcr.io/huggingface/text-embeddings-inference:cpu-1.9"
NIM = "nvcr.io/nim/meta/llama3-8b-instruct:1.0.3"
LLAMA = "ghcr.io/ggml-org/llama.cpp:server-cuda"
TRT = "nvcr.io/nvidia/tensorrt-llm/release:1.0.0"
DYNAMO = "nvcr.io/nvidia/ai-dynamo/vllm-runtime:0.7.0"
JETSTREAM = "us-docker.pkg.dev/cloud-tpu-images/inference/maxengine-server:v0.2.2"
OWN = "mirror.test/team/llm:1"
PULL = ["/bin/sh", "-c", "sleep 5 && ollama pull a:1b"]


def env(**values: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in values.items()]


def sh(script: str) -> list[str]:
    return ["/bin/sh", "-c", script]


FOUND: list[tuple[str, dict[str, Any], int | None, tuple[str, ...]]] = [
    # vLLM
    ("vllm", {"image": VLLM, "args": ["--model", "org/a"]}, 8000, ("org/a",)),
    ("vllm", {"image": VLLM, "args": ["org/a", "--port=9"]}, 9, ("org/a",)),
    ("vllm", {"image": VLLM, "args": ["serve", "org/a", "--port=9"]}, 9, ("org/a",)),
    ("vllm", {"image": "mirror.test/team/vllm:1", "args": ["--model=a"]}, 8000, ("a",)),
    ("vllm", {"image": "mirror.test/x/vllm-openai@sha256:00", "args": ["--model=a"]}, 8000, ("a",)),
    ("vllm", {"image": "aibrix/vllm-openai:v0.6.2-distributed", "args": []}, 8000, ()),
    ("vllm", {"image": OWN, "command": sh("exec vllm serve org/a \\\n --port 81")}, 81, ("org/a",)),
    (
        "vllm",
        {"image": OWN, "command": ["vllm", "serve", "--model", "a", "--served-model-name"]}
        | {"args": ["x", "y", "--port", "7"]},
        7,
        ("x", "y"),
    ),
    (
        "vllm",
        {"image": OWN, "command": ["python3", "-m", "vllm.entrypoints.openai.api_server"]}
        | {"args": ["--model", "$(MODEL)", "--served_model_name=$(NAME)"]}
        | {"env": env(MODEL="org/a")},
        8000,
        (),
    ),
    (
        "vllm",
        {"image": VLLM, "args": ["--model", "$(MODEL)"], "env": env(MODEL="org/a", VLLM_PORT="9")},
        8000,
        ("org/a",),
    ),
    ("vllm", {"image": OWN, "args": ["--model=a", "--max-model-len=9"]}, 8000, ("a",)),
    # SGLang
    (
        "sglang",
        {"image": SGLANG, "command": ["python3", "-m", "sglang.launch_server"]}
        | {"args": ["--model-path", "org/a", "--host", "0.0.0.0"]},
        30000,
        ("org/a",),
    ),
    (
        "sglang",
        {
            "image": OWN,
            "command": sh("sglang serve --model-path /m --served-model-name a --port 9"),
        },
        9,
        ("a",),
    ),
    # TGI
    ("tgi", {"image": TGI, "args": ["--model-id", "org/a"]}, 80, ("org/a",)),
    ("tgi", {"image": TGI, "env": env(MODEL_ID="org/a", PORT="8080")}, 8080, ("org/a",)),
    ("tgi", {"image": TGI, "args": ["--model-id=a", "-p", "9"]}, 9, ("a",)),
    ("tgi", {"image": OWN, "command": ["text-generation-launcher"]}, 3000, ()),
    ("tgi", {"image": "ghcr.io/huggingface/tgi-gaudi:2", "args": ["--model-id=a"]}, 80, ("a",)),
    # TEI
    ("tei", {"image": TEI, "args": ["--model-id", "org/a", "--port", "85"]}, 85, ("org/a",)),
    ("tei", {"image": TEI, "env": env(MODEL_ID="a", SERVED_MODEL_NAME="b")}, 80, ("b",)),
    ("tei", {"image": OWN, "command": ["text-embeddings-router", "--model-id", "a"]}, 3000, ("a",)),
    # NIM
    ("nim", {"image": NIM}, 8000, ("meta/llama3-8b-instruct",)),
    (
        "nim",
        {"image": NIM, "env": env(NIM_HTTP_API_PORT="8009")},
        8009,
        ("meta/llama3-8b-instruct",),
    ),
    ("nim", {"image": NIM, "env": env(NIM_SERVED_MODEL_NAME="a, b")}, 8000, ("a", "b")),
    ("nim", {"image": OWN, "env": env(NIM_CACHE_PATH="/c", NIM_MODEL_NAME="a")}, 8000, ("a",)),
    ("nim", {"image": OWN, "env": env(NIM_MODEL_PATH="hf://org/a")}, 8000, ("org/a",)),
    ("nim", {"image": "nvcr.io/nim/nvidia/riva-asr:1"}, 9000, ()),
    ("nim", {"image": "nvcr.io/nim/nvidia/llm-nim:1"}, 8000, ()),
    # llama.cpp
    ("llamacpp", {"image": LLAMA, "args": ["-m", "/m/a.gguf", "--port", "88"]}, 88, ("/m/a.gguf",)),
    (
        "llamacpp",
        {"image": LLAMA, "env": env(LLAMA_ARG_PORT="9", LLAMA_ARG_MODEL="/a", LLAMA_ARG_ALIAS="x")},
        9,
        ("x",),
    ),
    (
        "llamacpp",
        {"image": OWN, "command": sh("/app/llama-server -hf org/a -a x,y")},
        8080,
        ("x", "y"),
    ),
    (
        "llamacpp",
        {"image": "ghcr.io/ggml-org/llama.cpp:full", "args": ["--server", "-m", "a"]},
        8080,
        ("a",),
    ),
    # Ollama
    ("ollama", {"image": "ollama/ollama:0.17.4"}, 11434, ()),
    ("ollama", {"image": "ollama/ollama", "env": env(OLLAMA_HOST="0.0.0.0:8080")}, 8080, ()),
    ("ollama", {"image": "ollama/ollama", "env": env(OLLAMA_HOST="http://[::]:81/")}, 81, ()),
    ("ollama", {"image": "ollama/ollama", "env": env(OLLAMA_HOST="0.0.0.0")}, 11434, ()),
    (
        "ollama",
        {"image": OWN, "command": sh("ollama serve & sleep 5; ollama pull a; wait")},
        11434,
        ("a",),
    ),
    (
        "ollama",
        {"image": "ollama/ollama", "lifecycle": {"postStart": {"exec": {"command": PULL}}}},
        11434,
        ("a:1b",),
    ),
    # Infinity
    (
        "infinity",
        {"image": "michaelf34/infinity:0.0.77"}
        | {"args": ["v2", "--model-id", "org/a", "--model-id", "/m/org/b", "--port", "80"]},
        80,
        ("org/a", "org/b"),
    ),
    (
        "infinity",
        {"image": OWN, "command": ["infinity_emb", "v2"]}
        | {"env": env(INFINITY_MODEL_ID="a;b;", INFINITY_PORT="9")},
        9,
        ("a", "b"),
    ),
    # speaches
    (
        "speaches",
        {"image": "ghcr.io/speaches-ai/speaches:latest-cpu"}
        | {"env": env(UVICORN_PORT="9", PRELOAD_MODELS='["org/a", "b"]')},
        9,
        ("org/a", "b"),
    ),
    (
        "speaches",
        {"image": OWN, "command": ["uvicorn", "--factory", "speaches.main:create_app"]},
        8000,
        (),
    ),
    # JetStream
    (
        "jetstream",
        {"image": JETSTREAM, "args": ["model_name=a", "prometheus_port=1"]},
        8000,
        ("a",),
    ),
    (
        "jetstream",
        {"image": OWN, "command": ["python", "-m", "jetstream.entrypoints.http.api_server"]}
        | {"args": ["--port=81"]},
        81,
        (),
    ),
    # TensorRT-LLM
    ("tensorrt-llm", {"image": TRT, "command": ["trtllm-serve", "org/a"]}, 8000, ("org/a",)),
    (
        "tensorrt-llm",
        {"image": TRT, "command": sh("trtllm-serve serve /models/Qwen3-8B --port 9")},
        9,
        ("Qwen3-8B",),
    ),
    (
        "tensorrt-llm",
        {"image": TRT, "command": ["trtllm-serve", "/m", "--served_model_name", "a"]},
        8000,
        ("a",),
    ),
    # Dynamo
    (
        "dynamo",
        {"image": DYNAMO, "command": ["python3", "-m", "dynamo.frontend", "--http-port", "9"]},
        9,
        (),
    ),
    (
        "dynamo",
        {"image": DYNAMO, "command": ["python3", "-m", "dynamo.vllm"]}
        | {
            "args": ["--model", "org/a", "--max-model-len", "9"],
            "env": env(DYN_SYSTEM_PORT="9090"),
        },
        9090,
        ("org/a",),
    ),
    (
        "dynamo",
        {"image": DYNAMO, "command": sh("python3 -m dynamo.sglang --model-path org/a")},
        None,
        ("org/a",),
    ),
]


@pytest.mark.parametrize(
    ("profile", "raw", "port", "models"),
    [pytest.param(*row, id=f"{n}-{row[0]}") for n, row in enumerate(FOUND)],
)
def test_server_port_and_models_are_found(
    profile: str, raw: dict[str, Any], port: int | None, models: tuple[str, ...]
) -> None:
    container = a_container(**raw)
    sure = {p.name: e.confidence for p in PROFILES if (e := p.detect(container))}
    assert max(sure, key=lambda name: sure[name]) == profile
    assert all(sure[profile] - sure[other] >= 0.05 for other in sure if other != profile)
    found = profile_named(profile)
    assert (found.port(container), found.named_models(container)) == (port, models)


NOT_SERVERS = {
    "a fork of vllm": {"image": "a/aphrodite-openai", "args": ["--model=a", "--max-model-len=1"]},
    "a page for vllm": {"image": "a/vllm-ui:1", "args": ["--model=a"]},
    "a patch of a vllm": {"image": "", "args": ["--model=a", "--max-model-len=1"]},
    "vllm's benchmark": {"image": VLLM, "command": ["vllm", "bench", "serve", "--model", "a"]},
    "vllm's node without an API": {"image": VLLM, "args": ["a", "--headless"]},
    "vllm's image, other program": {"image": VLLM, "command": ["sleep", "infinity"]},
    "ray's worker in vllm's image": {"image": VLLM, "command": sh("ray start --block")},
    "vllm's router": {"image": "lmcache/lmstack-router:1", "args": ["--port", "8000"]},
    "vllm's flags to another program": {"image": OWN, "command": ["python", "run.py"]}
    | {"args": ["--model", "a", "--max-model-len", "9"]},
    "sglang's benchmark": {"image": OWN, "command": ["python3", "-m", "sglang.bench_serving"]},
    "sglang's router": {"image": OWN, "command": ["python3", "-m", "sglang_router.launch_router"]},
    "tei by gRPC": {"image": f"{TEI}-grpc", "args": ["--model-id", "a"]},
    "llama.cpp's tools": {"image": "ghcr.io/ggml-org/llama.cpp:light", "args": ["-m", "a"]},
    "llama.cpp converts": {"image": LLAMA, "command": ["llama-quantize", "a"]},
    "ollama's client": {"image": "ollama/ollama", "command": ["ollama", "pull", "a"]},
    "open webui": {"image": "ghcr.io/open-webui/open-webui:ollama", "env": env(OLLAMA_HOST="x:1")},
    "trt-llm's image alone": {"image": TRT},
    "trt-llm's disaggregated proxy": {"image": TRT, "command": ["trtllm-serve", "disaggregated"]},
    "jetstream's http beside it": {
        "image": JETSTREAM.replace("maxengine-server", "jetstream-http")
    },
    "dynamo's image alone": {"image": DYNAMO},
    "dynamo's operator": {"image": "nvcr.io/nvidia/ai-dynamo/kubernetes-operator:0.7.0"},
    "nim's operator": {"image": "nvcr.io/nvidia/cloud-native/k8s-nim-operator:v3"},
    "nothing": {"image": ""},
}


@pytest.mark.parametrize("raw", NOT_SERVERS.values(), ids=NOT_SERVERS)
def test_what_only_stands_near_a_server_is_none(raw: dict[str, Any]) -> None:
    assert [profile.name for profile in PROFILES if profile.detect(a_container(**raw))] == []


def test_a_declared_port_by_its_name_is_taken_where_nothing_else_is_said() -> None:
    container = a_container(VLLM, ports=ports(("metrics", 9090), ("http", 8123)))
    assert profile_named("vllm").port(container) == 8123


REQUIRED = [
    ("vllm", {"image": VLLM, "args": ["--model", "a"]}, ("a",)),
    ("tgi", {"image": TGI, "args": ["--model-id", "gpt2"]}, ()),
    ("nim", {"image": NIM}, ()),
    ("nim", {"image": NIM, "env": env(NIM_SERVED_MODEL_NAME="a")}, ("a",)),
    ("llamacpp", {"image": LLAMA, "args": ["-m", "/m/a.gguf"]}, ()),
    ("llamacpp", {"image": LLAMA, "args": ["-m", "/m/a.gguf", "--alias", "a"]}, ("a",)),
    ("dynamo", {"image": DYNAMO, "command": ["python3", "-m", "dynamo.vllm", "--model", "a"]}, ()),
    ("jetstream", {"image": JETSTREAM, "args": ["model_name=a"]}, ()),
]


@pytest.mark.parametrize(("profile", "raw", "names"), REQUIRED)
def test_only_names_that_the_server_surely_lists_are_required(
    profile: str, raw: dict[str, Any], names: tuple[str, ...]
) -> None:
    found = profile_named(profile)
    listed = found.listed_as_named or found.named_models
    assert listed(a_container(**raw)) == names
