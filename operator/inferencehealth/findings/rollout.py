"""Findings about how a workload replaces its pods, which writing probes will make it do."""

import math
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from inferencehealth.findings.rule import Facts, Hit, Rule
from inferencehealth.workloads import Workload

ACCELERATORS: Final = (
    *("nvidia.com/gpu*", "nvidia.com/mig-*", "amd.com/gpu*", "gpu.intel.com/*", "habana.ai/gaudi*"),
    *("google.com/tpu", "aws.amazon.com/neuron*", "huawei.com/Ascend*", "cambricon.com/*"),
    *("intel.com/gpu", "tenstorrent.com/*", "qualcomm.com/qaic", "furiosa.ai/*"),
)
"""Names of resources that nodes have few of, and that no two pods share."""
DEFAULT_STEP: Final = "25%"
"""maxSurge and maxUnavailable of a Deployment that names none."""


def rollout_can_stall(workload: Workload) -> str | None:
    """Why a rollout may never get on when no accelerator is free; None where it can.

    A rolling update that may take no old pod away first needs room for a new one, and waits for
    ever where there is none. Kubernetes rounds a surge up and what may be unavailable down, so
    with the default of 25 % up to three replicas behave like that.
    """
    wanted = accelerators(workload)
    if workload.kind != "Deployment" or not wanted or workload.replicas < 1:
        return None
    strategy = _mapping(workload.raw["spec"].get("strategy"))
    if strategy.get("type") == "Recreate":
        return None
    rolling = _mapping(strategy.get("rollingUpdate"))
    surge, unavailable = _steps(rolling, workload.replicas)
    if unavailable > 0 or surge < 1:
        return None
    amount = ", ".join(f"{count} {name}" for name, count in wanted.items())
    pods = "1 replica" if workload.replicas == 1 else f"{workload.replicas} replicas"
    return (
        f"A rollout of {workload.ref} ({pods}) starts a new pod before it ends an old one "
        f"(maxSurge {surge}, maxUnavailable 0), and that needs {amount} that nobody uses: on a "
        "full pool it waits for ever."
    )


def accelerators(workload: Workload) -> dict[str, int | str]:
    """Accelerators that one pod of the workload asks for, by name."""
    found: dict[str, int | str] = {}
    for container in workload.containers:
        resources = _mapping(container.raw.get("resources"))
        asked = {**_mapping(resources.get("requests")), **_mapping(resources.get("limits"))}
        for name, amount in asked.items():
            if not any(fnmatchcase(str(name), pattern) for pattern in ACCELERATORS):
                continue
            before = found.get(name, 0)
            count = _count(amount)
            if count is None:
                found[name] = str(amount)
            elif count and isinstance(before, int):
                found[name] = before + count
    return found


def stalls(facts: Facts) -> Iterator[Hit]:
    """A rolling update that can't get on without a free accelerator."""
    if why := rollout_can_stall(facts.workload):
        yield Hit(why)


def ordered(facts: Facts) -> Iterator[Hit]:
    """A StatefulSet that waits for one broken pod."""
    workload = facts.workload
    if workload.kind != "StatefulSet" or workload.replicas < 2:
        return
    if (workload.raw["spec"].get("podManagementPolicy") or "OrderedReady") == "OrderedReady":
        yield Hit(
            f"{workload.ref} makes its {workload.replicas} pods one after another "
            "(podManagementPolicy OrderedReady): one that never gets ready holds up all later "
            "ones, and a broken rollout has to be mended by deleting the pod."
        )


def _steps(rolling: Mapping[str, Any], replicas: int) -> tuple[int, int]:
    """Surge and unavailable pods as the Deployment's controller rounds them."""
    surge = _share(rolling.get("maxSurge"), replicas, up=True)
    unavailable = _share(rolling.get("maxUnavailable"), replicas, up=False)
    return (0, 1) if surge == 0 and unavailable == 0 else (surge, unavailable)


def _share(value: Any, replicas: int, *, up: bool) -> int:
    text = str(DEFAULT_STEP if value is None else value)
    if not text.endswith("%"):
        return int(text) if text.isdecimal() else 0
    part = text.removesuffix("%")
    exact = int(part) * replicas / 100 if part.isdecimal() else 0
    return math.ceil(exact) if up else math.floor(exact)


def _count(amount: Any) -> int | None:
    text = str(amount)
    return int(text) if text.isdecimal() else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


RULES = (
    Rule(
        id="RolloutCanStall",
        severity="warning",
        of_workload=True,
        what="A rolling update can't get on when every accelerator is in use.",
        why="With maxUnavailable 0 (up to three replicas, the default 25 % is rounded to that) a "
        "rollout starts a new pod before it ends an old one. On a full pool of GPUs the new pod "
        "stays Pending and the rollout waits until its deadline. Writing probes starts a rollout.",
        remedy="Set strategy.rollingUpdate to maxSurge: 0 and maxUnavailable: 1, or keep an "
        "accelerator free while it rolls, or let probes join a rollout that happens anyway "
        "(spec.probes.mode: Initial).",
        example="""\
apiVersion: apps/v1
kind: Deployment
metadata: {name: llama}
spec:
  replicas: 2
  selector: {matchLabels: {app: llama}}
  template:
    metadata: {labels: {app: llama}}
    spec:
      containers:
        - name: vllm
          image: vllm/vllm-openai:v0.8.5
          args: [--model, Qwen/Qwen2.5-7B-Instruct]
          resources: {limits: {nvidia.com/gpu: 1}}
""",
        find=stalls,
    ),
    Rule(
        id="OrderedPods",
        severity="info",
        of_workload=True,
        what="A StatefulSet makes its pods one after another, so one broken pod holds up the "
        "others.",
        why="With podManagementPolicy OrderedReady each pod waits for the one before to be ready. "
        "Model servers seldom need an order, and loading one after another takes long. A rollout "
        "that breaks a pod stops there and has to be mended by hand.",
        remedy="Set podManagementPolicy: Parallel if the order does not matter; it can be set only "
        "when the StatefulSet is made.",
        example="""\
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: triton}
spec:
  replicas: 3
  selector: {matchLabels: {app: triton}}
  template:
    metadata: {labels: {app: triton}}
    spec:
      containers:
        - name: triton
          image: nvcr.io/nvidia/tritonserver:24.10-py3
          args: [tritonserver, --model-repository=/models]
""",
        find=ordered,
    ),
)
