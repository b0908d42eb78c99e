"""Which container, which server, which port: known, or said to be unknown with the remedy."""

from typing import Any

import pytest

from inferencehealth.api.server import Server
from inferencehealth.problems import Problem
from inferencehealth.profiles.detect import Detected, detect
from inferencehealth.workloads import Workload, workload
from tests.unit.profiles.given import ports

TRITON = "nvcr.io/nvidia/tritonserver:24.10-py3"
ASR = "quay.io/smallestinc/self-hosted-api-server:1.0.0"
SKLEARN = "kserve/sklearnserver:v0.15.0"
KSERVE_ARGS = ["--model_name=iris", "--model_dir=/mnt/models", "--http_port=8080"]


def pod(*containers: dict[str, Any], init: list[dict[str, Any]] | None = None) -> Workload:
    named = [{"name": f"c{n}", **raw} for n, raw in enumerate(containers)]
    template = {"spec": {"containers": named, "initContainers": init or []}}
    return workload(
        {
            "kind": "Deployment",
            "metadata": {"name": "server"},
            "spec": {"template": template},
        }
    )


def found(target: Workload, container: str = "", **server: Any) -> Detected | Problem:
    return detect(target, Server.model_validate(server), container)


def what(target: Workload, container: str = "", **server: Any) -> tuple[str, str, int] | str:
    """Profile, container and port, or the reason of the problem."""
    detected = found(target, container, **server)
    if isinstance(detected, Problem):
        assert detected.message
        return detected.reason
    return detected.profile.name, detected.container.name, detected.port


TRITONS = {
    "image": ({"image": TRITON}, 8000),
    "mirror": ({"image": "mirror.test/nvcr.io/nvidia/tritonserver@sha256:00"}, 8000),
    "flat mirror": ({"image": "1.dkr.test/tritonserver:24.10"}, 8000),
    "args": ({"image": TRITON, "args": ["tritonserver", "--http-port=8080"]}, 8080),
    "underscores": ({"image": TRITON, "command": ["tritonserver", "--http_port", "81"]}, 81),
    "own image": ({"image": "own:1", "command": ["/opt/tritonserver/bin/tritonserver"]}, 8000),
    "shell": ({"image": "own:1", "command": ["sh", "-c", "exec tritonserver --http-port 9"]}, 9),
    "environment": (
        {
            "image": TRITON,
            "command": ["tritonserver", "--http-port=$(P)"],
            "env": [{"name": "P", "value": "7"}],
        },
        7,
    ),
    "KServe's runtime": (
        {
            "image": TRITON,
            "args": [
                "tritonserver",
                "--model-store=/mnt/models",
                "--grpc-port=9000",
                "--http-port=8080",
                "--allow-grpc=true",
                "--allow-http=true",
            ],
            "ports": ports(8080),
        },
        8080,
    ),
    "named port": ({"image": TRITON, "ports": ports(("grpc", 9001), ("http", 9000))}, 9000),
    "vllm flavour": ({"image": "nvcr.io/nvidia/tritonserver:24.10-vllm-python-py3"}, 8000),
}


def test_triton_is_recognised_by_the_script_that_starts_it() -> None:
    script = ["python3", "/app/scripts/launch_triton_server.py", "--http_port=8003"]
    assert what(pod({"image": "own:1", "command": script})) == ("triton", "c0", 8003)


def test_triton_names_the_models_that_it_loads_at_the_start() -> None:
    target = pod({"image": TRITON, "args": ["tritonserver", "--load-model=a", "--load-model=*"]})
    detected = found(target)
    assert isinstance(detected, Detected)
    assert detected.profile.named_models(detected.container) == ("a",)


@pytest.mark.parametrize(("raw", "port"), TRITONS.values(), ids=TRITONS)
def test_triton_is_recognised(raw: dict[str, Any], port: int) -> None:
    assert what(pod(raw)) == ("triton", "c0", port)


KSERVES = {
    "sklearn": ({"image": SKLEARN, "args": KSERVE_ARGS}, 8080),
    "huggingface": (
        {"image": "kserve/huggingfaceserver:latest-gpu", "args": ["--model_name=l"]},
        8080,
    ),
    "old vendor": ({"image": "gcr.io/kfserving/xgbserver:v0.6"}, 8080),
    "flat mirror": ({"image": "mirror.test/kserve-sklearnserver:1"}, 8080),
    "module": ({"image": "own:1", "command": ["python", "-m", "sklearnserver"]}, 8080),
    "own model": ({"image": "own:1", "args": ["--model_name=a", "--http_port=9"]}, 9),
    "transformer": (
        {"image": "own:1", "args": ["--model_name", "a", "--predictor_host", "b.ns"]},
        8080,
    ),
    "own copy": ({"image": "mirror.test/team/sklearnserver:1", "args": KSERVE_ARGS}, 8080),
}


@pytest.mark.parametrize(("raw", "port"), KSERVES.values(), ids=KSERVES)
def test_kserves_python_server_is_recognised(raw: dict[str, Any], port: int) -> None:
    assert what(pod(raw)) == ("kserve", "c0", port)


@pytest.mark.parametrize(
    "raw",
    [
        {"image": ASR},
        {"image": ASR, "ports": ports(("http", 7100))},
        {"image": "mirror.test/smallestinc/self-hosted-api-server:1"},
        {"image": "1.dkr.test/self-hosted-api-server:1", "ports": ports(7100)},
    ],
)
def test_the_asr_api_server_is_recognised(raw: dict[str, Any]) -> None:
    assert what(pod(raw)) == ("asr", "c0", 7100)


OTHERS = {
    "nginx": {"image": "nginx:1", "ports": ports(8000)},
    "no image": {"image": ""},
    "port alone": {"image": "own:1", "ports": ports(7100, 8000, 8080)},
    "triton's client": {"image": "nvcr.io/nvidia/tritonserver:24.10-py3-sdk"},
    "triton's image, other program": {"image": TRITON, "command": ["sleep", "infinity"]},
    "triton's image, other arguments": {"image": TRITON, "args": ["python3", "client.py"]},
    "pip install": {"image": "own:1", "command": ["sh", "-c", "pip install tritonclient"]},
    "asr mirror without port": {"image": "mirror.test/self-hosted-api-server:1"},
    "seldon's sklearn": {"image": "seldonio/sklearnserver:1.17"},
    "kserve's controller": {"image": "kserve/kserve-controller:v0.15"},
    "kserve's router": {"image": "kserve/router:v0.15"},
    "vllm's benchmark": {
        "image": "vllm/vllm-openai:v0.11.0",
        "command": ["vllm", "bench", "serve"],
    },
    "vllm's worker": {"image": "own:1", "command": ["vllm", "serve", "a", "--headless"]},
}


@pytest.mark.parametrize("raw", OTHERS.values(), ids=OTHERS)
def test_nothing_is_guessed(raw: dict[str, Any]) -> None:
    assert what(pod(raw)) == "ServerNotRecognised"


def test_a_sidecar_is_never_taken_for_the_server() -> None:
    mesh = {"name": "istio-proxy", "image": "docker.io/istio/proxyv2:1", "ports": ports(15090)}
    agent = {"name": "agent", "image": "kserve/agent:v0.15", "args": KSERVE_ARGS}
    native = {"name": "side", "image": TRITON, "restartPolicy": "Always"}
    assert what(pod(mesh, agent, {"image": SKLEARN}, init=[native])) == ("kserve", "c2", 8080)
    assert what(pod(mesh)) == "ContainerNotFound"


def test_a_sidecar_that_the_policy_names_is_the_server() -> None:
    native = {"name": "side", "image": TRITON, "restartPolicy": "Always"}
    assert what(pod({"image": "own:1"}, init=[native]), "side") == ("triton", "side", 8000)


def test_the_server_is_found_among_other_containers() -> None:
    assert what(pod({"image": "redis:7"}, {"image": TRITON})) == ("triton", "c1", 8000)


def test_two_servers_in_a_pod_are_not_chosen_between() -> None:
    problem = found(pod({"image": TRITON}, {"image": ASR}))
    assert isinstance(problem, Problem)
    assert (problem.reason, problem.field) == ("ServerAmbiguous", "spec.target.container")
    assert '"c0", "c1"' in problem.message


def test_the_policys_container_settles_it() -> None:
    two = pod({"image": TRITON}, {"image": ASR})
    assert what(two, "c1") == ("asr", "c1", 7100)


def test_a_container_that_is_not_there_is_told_with_those_that_are() -> None:
    problem = found(pod({"image": TRITON}), "trtion")
    assert isinstance(problem, Problem)
    assert problem.message == (
        'deployment/server has no container named "trtion"; it has "c0". '
        "Correct spec.target.container."
    )


def test_a_named_profile_needs_no_recognition_where_only_one_container_can_be_meant() -> None:
    assert what(pod({"image": "own:1"}), profile="triton") == ("triton", "c0", 8000)
    two = pod({"image": "own:1"}, {"image": "own:2"})
    assert what(two, profile="triton") == "ContainerNotFound"
    assert what(two, "c1", profile="triton") == ("triton", "c1", 8000)
    declaring = pod({"image": "own:1"}, {"image": "own:2", "ports": ports(9000)})
    assert what(declaring, profile="triton", port=9000) == ("triton", "c1", 9000)


def test_a_named_profile_is_believed_over_what_the_image_looks_like() -> None:
    assert what(pod({"image": TRITON}), profile="asr") == ("asr", "c0", 7100)


def test_the_policys_port_is_taken_by_number_or_by_name() -> None:
    target = pod({"image": TRITON, "ports": ports(("http", 8000), ("own", 9000))})
    assert what(target, port=1234) == ("triton", "c0", 1234)
    assert what(target, port="own") == ("triton", "c0", 9000)
    detected = found(target, port="own")
    assert isinstance(detected, Detected)
    assert detected.port_name == "own"


def test_a_port_name_that_is_not_declared_is_told_with_those_that_are() -> None:
    target = pod({"image": TRITON, "ports": ports(("http", 8000), ("grpc", 8001), 8002)})
    problem = found(target, port="htpp")
    assert isinstance(problem, Problem)
    assert (problem.reason, problem.field) == ("PortNotFound", "spec.server.port")
    assert problem.message == (
        'Container "c0" has no port named "htpp"; it declares http (8000), grpc (8001), 8002. '
        "Correct spec.server.port or give a number."
    )


@pytest.mark.parametrize("said", ["--http-port=$(UNKNOWN)", "--allow-http=false"])
def test_a_port_that_can_not_be_known_is_asked_for(said: str) -> None:
    assert what(pod({"image": TRITON, "args": ["tritonserver", said]})) == "PortNotFound"
    assert what(pod({"image": TRITON, "args": ["tritonserver", said]}), port=8000) == (
        "triton",
        "c0",
        8000,
    )


def test_a_custom_server_is_the_container_that_declares_the_port() -> None:
    custom = {"profile": "custom", "endpoints": {"ready": {"path": "/r"}}}
    two = pod({"image": "own:1"}, {"image": "own:2", "ports": ports(("web", 9000))})
    assert what(two, port="web", **custom) == ("custom", "c1", 9000)
    assert what(two, port=9000, **custom) == ("custom", "c1", 9000)
    assert what(two, port=1, **custom) == "ContainerNotFound"
