"""Which container runs one of the classic servers: profile, port and models, or nothing."""

from typing import Any

import pytest

from inferencehealth.api.server import Server
from inferencehealth.problems import Problem
from inferencehealth.profiles.detect import Detected, detect
from inferencehealth.workloads import workload
from tests.unit.profiles.given import ports


def found(raw: dict[str, Any], **server: Any) -> Detected | Problem:
    template = {"spec": {"containers": [{"name": "server", **raw}]}}
    meta = {"name": "server"}
    target = workload({"kind": "Deployment", "metadata": meta, "spec": {"template": template}})
    return detect(target, Server.model_validate(server), "")


def what(raw: dict[str, Any], **server: Any) -> tuple[str, int, tuple[str, ...]] | str:
    """Profile, port and models, or the reason of the problem."""
    seen = found(raw, **server)
    if isinstance(seen, Problem):
        return seen.reason
    return seen.profile.name, seen.port, seen.profile.named_models(seen.container)


def env(**values: str) -> list[dict[str, Any]]:
    return [{"name": name, "value": value} for name, value in values.items()]


KNOWN: dict[str, tuple[dict[str, Any], tuple[str, int, tuple[str, ...]]]] = {
    "mlserver": ({"image": "docker.io/seldonio/mlserver:1.7.1"}, ("mlserver", 8080, ())),
    "mlserver by KServe": (
        {
            "image": "seldonio/mlserver:1.5.0",
            "env": env(MLSERVER_HTTP_PORT="8085", MLSERVER_MODEL_NAME="iris"),
        },
        ("mlserver", 8085, ("iris",)),
    ),
    "mlserver by Seldon Core 2": (
        {
            "image": "seldonio/mlserver:1.7.1",
            "env": env(MLSERVER_HTTP_PORT="9000"),
            "ports": ports(("server-grpc", 9500), ("server-http", 9000)),
        },
        ("mlserver", 9000, ()),
    ),
    "mlserver in an image of one's own": (
        {"image": "own:1", "command": ["mlserver", "start", "/models"]},
        ("mlserver", 8080, ()),
    ),
    "ovms": (
        {
            "image": "openvino/model_server:2026.3",
            "args": ["--model_name", "resnet", "--model_path=/m", "--rest_port", "8000"],
        },
        ("ovms", 8000, ("resnet",)),
    ),
    "ovms of Red Hat": (
        {
            "image": "registry.connect.redhat.com/intel/openvino-model-server:latest",
            "args": ["--config_path=/c.json", "--rest_port=8888"],
        },
        ("ovms", 8888, ()),
    ),
    "ovms from a hub": (
        {
            "image": "mirror.test/openvino/model_server:latest-gpu",
            "args": ["--source_model", "OpenVINO/Qwen3-8B-int4-ov", "--rest_port", "8000"],
        },
        ("ovms", 8000, ("OpenVINO/Qwen3-8B-int4-ov",)),
    ),
    "tensorflow serving": ({"image": "tensorflow/serving:2.20.0"}, ("tfserving", 8501, ("model",))),
    "tensorflow serving's variable": (
        {"image": "tensorflow/serving:latest-gpu", "env": env(MODEL_NAME="half_plus_two")},
        ("tfserving", 8501, ("half_plus_two",)),
    ),
    "tensorflow serving by KServe": (
        {
            "image": "tensorflow/serving:2.6.2",
            "command": ["/usr/bin/tensorflow_model_server"],
            "args": ["--model_name=flowers", "--port=9000", "--rest_api_port=8080"],
        },
        ("tfserving", 8080, ("flowers",)),
    ),
    "tensorflow serving's file of models": (
        {"image": "tensorflow/serving:2", "args": ["--model_config_file=/m.config"]},
        ("tfserving", 8501, ()),
    ),
    "tensorflow serving by Bitnami": (
        {"image": "bitnami/tensorflow-serving:2.18", "ports": ports(8500, 8501)},
        ("tfserving", 8501, ("model",)),
    ),
    "torchserve": ({"image": "pytorch/torchserve:0.12.0-cpu"}, ("torchserve", 8080, ())),
    "torchserve's models": (
        {
            "image": "own:1",
            "command": ["torchserve", "--start", "--model-store", "/store"],
            "args": ["--models", "mnist=mnist.mar", "https://models.test/squeezenet1_1.mar"],
        },
        ("torchserve", 8080, ("mnist", "squeezenet1_1")),
    ),
    "torchserve's address": (
        {
            "image": "pytorch/torchserve:latest",
            "args": ["torchserve", "--start", "--models", "all"],
            "env": env(TS_INFERENCE_ADDRESS="http://0.0.0.0:8085"),
        },
        ("torchserve", 8085, ()),
    ),
    "ray serve": (
        {"image": "rayproject/ray:2.53.0", "command": ["serve", "run", "app:main"]},
        ("rayserve", 8000, ()),
    ),
    "ray serve in a script": (
        {"image": "own:1", "command": ["sh", "-c", "ray start --head && serve run app.yaml"]},
        ("rayserve", 8000, ()),
    ),
    "bentoml": (
        {"image": "summarization:abc", "command": ["bentoml", "serve", "--port", "3333"]},
        ("bentoml", 3333, ()),
    ),
    "bentoml's variables": (
        {
            "image": "own:1",
            "args": ["bentoml", "serve", "."],
            "env": env(BENTOML_PORT="5000", PORT="5001"),
        },
        ("bentoml", 5001, ()),
    ),
    "litserve": ({"image": "team/litserve-model:latest"}, ("litserve", 8000, ())),
    "litserve's key": (
        {
            "image": "own:1",
            "command": ["python", "server.py"],
            "env": [{"name": "LIT_SERVER_API_KEY", "valueFrom": {"secretKeyRef": {"name": "s"}}}],
        },
        ("litserve", 8000, ()),
    ),
    "seldon's agent": (
        {"image": "docker.io/seldonio/seldon-agent:2.10.2", "ports": ports(("http", 9001), 9006)},
        ("seldon", 9008, ()),
    ),
    "seldon's agent by its variables": (
        {
            "image": "own:1",
            "command": ["/bin/agent"],
            "env": env(SELDON_READINESS_PORT="9108"),
        },
        ("seldon", 9108, ()),
    ),
    "riva": (
        {
            "image": "nvcr.io/nvidia/riva/riva-speech:2.19.0",
            "args": ["start-riva", "--riva-uri=0.0.0.0:50052", "--asr_service=true"],
        },
        ("riva", 50052, ()),
    ),
    "riva's image": ({"image": "mirror.test/riva-speech:2.19.0"}, ("riva", 50051, ())),
    "asr worker": (
        {"image": "quay.io/smallestinc/lightning-asr:1", "ports": ports(2269)},
        ("lightning-asr", 2269, ()),
    ),
    "asr worker elsewhere": (
        {
            "image": "1.dkr.test/lightning-asr:1",
            "ports": ports(2233),
            "env": env(PORT="2233"),
        },
        ("lightning-asr", 2233, ()),
    ),
    "asr licence": (
        {"image": "quay.io/smallestinc/license-proxy:1", "ports": ports(3369)},
        ("license-proxy", 3369, ()),
    ),
    "asr licence elsewhere": (
        {"image": "1.dkr.test/license-proxy@sha256:00", "ports": ports(("http", 6699))},
        ("license-proxy", 6699, ()),
    ),
}


@pytest.mark.parametrize(("raw", "expected"), KNOWN.values(), ids=KNOWN)
def test_a_classic_server_is_recognised(
    raw: dict[str, Any], expected: tuple[str, int, tuple[str, ...]]
) -> None:
    assert what(raw) == expected


UNKNOWN: dict[str, dict[str, Any]] = {
    "mlserver's image, other program": {"image": "seldonio/mlserver:1", "command": ["sleep", "9"]},
    "tensorflow serving's tools": {"image": "tensorflow/serving:latest-devel"},
    "ray without serve": {"image": "rayproject/ray:2.53.0", "args": ["ray", "start", "--head"]},
    "ray's image alone": {"image": "rayproject/ray:2.53.0"},
    "a static file server": {"image": "node:22", "command": ["serve", "-s", "build"]},
    "bentoml installed": {"image": "own:1", "command": ["sh", "-c", "pip install bentoml"]},
    "bentoml's other tools": {"image": "own:1", "command": ["bentoml", "build"]},
    "riva's clients": {"image": "nvcr.io/nvidia/riva/riva-speech:2.19.0-client"},
    "riva's model builder": {
        "image": "nvcr.io/nvidia/riva/riva-speech:2.19.0",
        "command": ["download_and_deploy_ngc_models"],
    },
    "someone's agent": {"image": "own:1", "command": ["/bin/agent"]},
    "someone's licence proxy": {"image": "own/license-proxy:1", "ports": ports(8080)},
    "someone's lightning": {"image": "own/lightning-asr:1"},
    "a gRPC server": {"image": "own:1", "ports": ports(("grpc", 50051))},
}


@pytest.mark.parametrize("raw", UNKNOWN.values(), ids=UNKNOWN)
def test_what_is_not_sure_is_not_recognised(raw: dict[str, Any]) -> None:
    assert what(raw) == "ServerNotRecognised"


def test_a_server_without_an_http_port_is_asked_nowhere() -> None:
    bare = {"image": "openvino/model_server:2026.3", "args": ["--model_name=a", "--port=9000"]}
    assert what(bare) == "PortNotFound"
    command = ["tensorflow_model_server", "--port=8500"]
    assert what({"image": "own:1", "command": command}) == "PortNotFound"


@pytest.mark.parametrize(
    ("raw", "port"),
    [
        ({"ports": ports(("grpc", 9000), ("http", 8080))}, 9000),
        ({"ports": ports(5555)}, 5555),
        ({"ports": ports(1, 2), "readinessProbe": {"grpc": {"port": 2}}}, 2),
    ],
)
def test_a_grpc_server_is_taken_at_the_policys_word(raw: dict[str, Any], port: int) -> None:
    assert what({"image": "own:1", **raw}, profile="grpc") == ("grpc", port, ())


REQUIRED: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "ovms": ({"image": "openvino/model_server:1", "args": ["--model_name=b"]}, ("b",)),
    "ovms from a hub": ({"image": "openvino/model_server:1", "args": ["--source_model=a/b"]}, ()),
    "tensorflow serving": ({"image": "tensorflow/serving:2"}, ("model",)),
    "torchserve": (
        {"image": "own:1", "command": ["torchserve", "--models", "a=x.mar", "b.mar"]},
        ("a",),
    ),
    "mlserver": (
        {"image": "seldonio/mlserver:1", "env": env(MLSERVER_MODEL_NAME="iris")},
        (),
    ),
}


@pytest.mark.parametrize(("raw", "expected"), REQUIRED.values(), ids=REQUIRED)
def test_only_a_name_that_is_surely_served_as_given_is_required(
    raw: dict[str, Any], expected: tuple[str, ...]
) -> None:
    seen = found(raw, port=1)
    assert not isinstance(seen, Problem)
    names = seen.profile.listed_as_named or seen.profile.named_models
    assert names(seen.container) == expected
