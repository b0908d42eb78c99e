"""vLLM and Ollama in pods: an engine that freezes behind a green endpoint, from check to traffic.

Their programs are gigabytes that CI does not install: `make e2e-language-models`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from e2e.cluster import api
from e2e.cluster.model import Cluster, ProviderName
from e2e.servers import mounted
from e2e.servers.prerequisites import ServerUnavailableError
from e2e.story import expect, faults, gates, seen, workloads
from e2e.story.seen import Pod
from e2e.story.stage import Stage

pytestmark = [pytest.mark.node, pytest.mark.node_more]

LOAD = 600.0
"""Seconds for vLLM to load: 60 on two idle cores, and much more on busy ones."""


@pytest.fixture(scope="module")
def shared(operated: Cluster) -> Cluster:
    """The cluster with the image that mounts; skipped where its node has files of its own."""
    if operated.provider is not ProviderName.SOURCE:
        pytest.skip("the node of this provider does not share this machine's files")
    api.load_image(operated, mounted.image())
    return operated


def deployed(
    cluster: Cluster, name: str, objects: Callable[[Path], list[dict[str, Any]]], folder: Path
) -> Stage:
    """A server in one pod, and a policy that gives it probes and the readiness gate."""
    try:
        made = objects(folder)
    except ServerUnavailableError as absent:
        pytest.skip(str(absent))
    stage = workloads.fresh_namespace(cluster, f"{name}-frozen")
    stage.apply(made)
    policy = {
        "apiVersion": "inferencehealth.dev/v1alpha1",
        "kind": "InferenceHealthPolicy",
        "metadata": {"name": name},
        "spec": {
            "target": {"selector": {"matchLabels": {"app": name}}},
            "probes": {"mode": "Apply", "budgets": {"maxStartup": "15m"}},
            "checks": {
                "interval": "2s",
                "timeout": "1s",
                "failureThreshold": 2,
                "canary": {"interval": "10s"},
                "readinessGate": True,
                "readinessGateLimits": {"floor": 0},
            },
        },
    }
    stage.apply([policy])
    return stage


def frozen_engine_is_noticed(stage: Stage, name: str, engine: str, url: str) -> None:
    """Freeze the engine of a server that serves, and see what comes of it."""
    expect.injected(stage, name)
    stage.eventually(
        f"{name} Ready",
        lambda: seen.condition(seen.policy(stage, name), "Ready"),
        lambda ready: ready is not None and ready[0] == "True",
        within=LOAD,
    )
    (pod,) = expect.running(stage, name)
    gates.traffic_is(stage, name, pod, within=expect.VERDICT)
    faults.freeze_part(stage, pod, engine)
    assert green(stage, name, url)
    told = expect.broken(stage, name, reason="CanaryTimedOut", words="")
    assert green(stage, name, url), "the endpoint that people probe noticed it too"
    gates.traffic_is(stage, name, within=expect.VERDICT)
    advised(stage, pod)
    expect.not_restarted(stage, pod)
    assert told


def green(stage: Stage, name: str, url: str) -> bool:
    """Whether the endpoint that people probe answers 200."""
    curl = ("curl", "-s", "-m", "5", "-o", "/dev/null", "-w", "%{http_code}", url)
    return stage.act("exec", f"deployment/{name}", "--", *curl) == "200"


def advised(stage: Stage, pod: Pod) -> None:
    """An Event tells why, and what mends it."""
    stage.eventually(
        f"an Event about {pod.name} that says what mends it",
        lambda: [event.get("message", "") for event in stage.items("events")],
        lambda messages: any("canary" in each and "restart" in each.lower() for each in messages),
        within=expect.OPERATOR,
    )


def test_a_vllm_whose_engine_is_frozen_leaves_traffic_though_its_health_is_green(
    shared: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stage = deployed(shared, "vllm", mounted.vllm, tmp_path_factory.mktemp("vllm"))
    frozen_engine_is_noticed(stage, "vllm", "VLLM::EngineCore", "http://localhost:8000/health")
    check = seen.report(stage, "vllm").spec.check
    assert check is not None
    assert check.profile == "vllm"


def test_an_ollama_whose_runner_is_frozen_leaves_traffic_though_it_lists_its_model_as_loaded(
    shared: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stage = deployed(shared, "ollama", mounted.ollama, tmp_path_factory.mktemp("ollama"))
    expect.injected(stage, "ollama")
    expect.rolled_out(stage, "ollama")
    # An idle Ollama replaces a runner that does not answer the next request: ours. One that has an
    # answer under way waits for it, for ever.
    asked = '{"model": "good", "prompt": "a", "options": {"num_predict": -1, "stop": []}}'
    curl = f"curl -sS -d '{asked}' http://localhost:11434/api/generate"
    first = f"{curl} | head -c 1"
    stage.act("exec", "deployment/ollama", "--", "sh", "-c", f"{first}; {curl} >/dev/null 2>&1 &")
    frozen_engine_is_noticed(stage, "ollama", "ollama runner", "http://localhost:11434/")
    check = seen.report(stage, "ollama").spec.check
    assert check is not None
    assert check.profile == "ollama"
