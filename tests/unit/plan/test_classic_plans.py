"""Plans for servers that are asked otherwise than by an HTTP path that always says the truth."""

from typing import Any

import pytest

from inferencehealth.kubelet import same_probe
from inferencehealth.plan import Plan, plan
from tests.unit.plan.given import a_policy, deployment

GRPC_SERVER = {"image": "own:1", "ports": [{"containerPort": 50051, "name": "grpc"}]}
LITSERVE = {"image": "team/litserve-model:1"}


def wanted(planned: Plan) -> dict[str, Any]:
    assert not planned.problems, planned.problems
    return {probe.kind: probe.wanted for probe in planned.probes}


def ids(planned: Plan) -> set[str]:
    return {finding.id for finding in planned.findings}


def test_a_grpc_server_gets_the_kubelets_own_grpc_probe() -> None:
    planned = plan(a_policy(server={"profile": "grpc"}), deployment(GRPC_SERVER))
    probes = wanted(planned)
    health = {"port": 50051, "service": ""}
    assert [probe["grpc"] for probe in probes.values()] == [health] * 3
    assert "ReadinessInLiveness" in ids(planned)
    assert planned.check is not None
    assert (planned.check.profile, planned.check.port) == ("grpc", 50051)


def test_the_api_servers_copy_of_a_grpc_probe_is_the_same_probe() -> None:
    probe = wanted(plan(a_policy(server={"profile": "grpc"}), deployment(GRPC_SERVER)))
    ready = probe["readinessProbe"]
    stored = {**ready, "grpc": {"port": 50051, "service": ""}, "successThreshold": 1}
    assert same_probe(ready, stored)
    assert same_probe(ready, {**stored, "grpc": {"port": 50051}})
    assert not same_probe(ready, {**stored, "grpc": {"port": 50051, "service": "asr"}})


def test_by_process_a_grpc_server_is_only_connected_to_which_is_said() -> None:
    policy = a_policy(server={"profile": "grpc"}, probes={"liveness": {"strategy": "Process"}})
    planned = plan(policy, deployment(GRPC_SERVER))
    assert wanted(planned)["livenessProbe"]["tcpSocket"] == {"port": 50051}
    assert "LivenessCannotSeeHang" in ids(planned)
    assert "ReadinessInLiveness" not in ids(planned)


def test_a_key_from_a_secret_keeps_http_probes_away() -> None:
    key = {"name": "LIT_SERVER_API_KEY", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
    guarded = wanted(plan(a_policy(), deployment({**LITSERVE, "env": [key]})))
    assert not any("httpGet" in probe for probe in guarded.values())
    open_to_all = wanted(plan(a_policy(), deployment(LITSERVE)))
    assert open_to_all["readinessProbe"]["httpGet"]["path"] == "/health"


def test_tensorflow_serving_without_a_known_model_is_said_to_be_blind() -> None:
    args = ["--model_config_file=/m.config"]
    planned = plan(a_policy(), deployment({"image": "tensorflow/serving:2", "args": args}))
    assert "KubeletCannotReadBody" in ids(planned)
    known = plan(a_policy(), deployment({"image": "tensorflow/serving:2"}))
    assert "KubeletCannotReadBody" not in ids(known)
    ready = wanted(known)["readinessProbe"]["httpGet"]["path"]
    assert ready == "/v1/models/model/metadata"


@pytest.mark.parametrize(
    ("server", "path"),
    [
        ({"image": "seldonio/mlserver:1"}, "/v2/health/ready"),
        (
            {"image": "openvino/model_server:1", "args": ["--rest_port=8000"]},
            "/v2/health/ready",
        ),
        ({"image": "own:1", "command": ["bentoml", "serve"]}, "/readyz"),
        (LITSERVE, "/health"),
        ({"image": "seldonio/seldon-agent:2"}, "/ready"),
        ({"image": "quay.io/smallestinc/license-proxy:1"}, "/health"),
    ],
    ids=["mlserver", "ovms", "bentoml", "litserve", "seldon", "license-proxy"],
)
def test_an_author_who_restarts_by_readiness_is_told(server: dict[str, Any], path: str) -> None:
    author = {"httpGet": {"path": path, "port": 1}}
    found = ids(plan(a_policy(), deployment({**server, "livenessProbe": author})))
    assert "ReadyInLiveness" in found
    assert "ReadyInLiveness" not in ids(plan(a_policy(), deployment(server)))
