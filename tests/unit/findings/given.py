"""Plans and findings about one container, for tests of rules."""

from typing import Any

import yaml

from inferencehealth.api.report import Finding
from inferencehealth.findings.rule import Rule
from inferencehealth.lint.linting import judge
from inferencehealth.workloads import Workload, workload
from tests.unit.plan.given import a_policy, deployment

TRITON = {
    "image": "nvcr.io/nvidia/tritonserver:24.10-py3",
    "args": ["tritonserver", "--model-repository=/models"],
    "ports": [{"containerPort": 8000, "name": "http"}],
}
VLLM = {
    "image": "vllm/vllm-openai:v0.8.5",
    "args": ["--model", "Qwen/Qwen2.5-7B-Instruct"],
    "ports": [{"containerPort": 8000}],
}


def found(container: dict[str, Any], *others: dict[str, Any]) -> dict[str, Finding]:
    """The findings about a Deployment as it stands, by their ids."""
    return {one.id: one for one in judge(deployment(container, *others), None).findings}


def get(path: str, port: int | str = 8000, **numbers: Any) -> dict[str, Any]:
    """An HTTP probe."""
    return {"httpGet": {"path": path, "port": port}, **numbers}


def shown_by(rule: Rule) -> list[Finding]:
    """What is found in a rule's own example."""
    example = yaml.safe_load(rule.example)
    if "kind" in example:
        return list(judge(workload(example), None).findings)
    if "container" in example:
        policy = a_policy(**{k: v for k, v in example.items() if k != "container"})
        return list(judge(deployment(example["container"]), policy).findings)
    return list(judge(deployment(example), None).findings)


def a_workload(kind: str = "Deployment", **spec: Any) -> Workload:
    """A GPU workload of one vLLM container with that spec."""
    container = {"name": "vllm", **VLLM, "resources": {"limits": {"nvidia.com/gpu": 1}}}
    pod = {"spec": {"containers": [container]}}
    return workload(
        {
            "apiVersion": "apps/v1",
            "kind": kind,
            "metadata": {"name": "llama", "namespace": "ml"},
            "spec": {"selector": {}, "template": pod, **spec},
        }
    )
