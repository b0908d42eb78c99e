"""Where a server counts its work: by its arguments, by a port's name, or where it always is."""

from typing import Any

import pytest

from inferencehealth.checker.rounds import compile_check
from inferencehealth.plan.planning import plan

from .given import TRITON, a_policy, deployment

HTTP = {"name": "http", "containerPort": 8000}
METRICS = {"name": "metrics", "containerPort": 9102}


def server(**raw: Any) -> dict[str, Any]:
    return {"image": TRITON, "ports": [HTTP], **raw}


@pytest.mark.parametrize(
    ("container", "port"),
    [
        (server(), 8002),
        (server(command=["tritonserver", "--metrics-port=9002"]), 9002),
        (server(command=["tritonserver"], args=["--metrics-port", "9002"]), 9002),
        (server(ports=[HTTP, METRICS]), 9102),
        (server(ports=[HTTP, {"name": "triton-metrics", "containerPort": 9103}]), 9103),
        (server(ports=[HTTP, METRICS], command=["tritonserver", "--metrics-port=9002"]), 9002),
        (server(command=["tritonserver", "--metrics-port=$(PORT)"]), 8002),
    ],
)
def test_tritons_counters_are_read_where_its_container_has_them(
    container: dict[str, Any], port: int
) -> None:
    check = plan(a_policy(), deployment(container)).check
    assert check is not None
    assert check.port == 8000
    progress = compile_check(check).progress
    assert progress is not None
    assert progress.request.port == port


def test_a_server_that_counts_where_it_serves_is_asked_there() -> None:
    vllm = {"image": "vllm/vllm-openai:v0.20.2", "args": ["--model", "m"], "ports": [METRICS]}
    check = plan(a_policy(server={"port": 9102}), deployment(vllm)).check
    assert check is not None
    assert check.metrics_port is None
    progress = compile_check(check).progress
    assert progress is not None
    assert progress.request.port == 0
