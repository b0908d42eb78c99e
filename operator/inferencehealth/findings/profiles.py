"""Findings that come with a server's profile: what its own documented paths do and can't see."""

from collections.abc import Iterator

from inferencehealth.api.report import Finding
from inferencehealth.checks.steps import told_path
from inferencehealth.findings.rule import (
    Facts,
    Hit,
    Rule,
    path_of,
    prospective,
    same_handler,
)
from inferencehealth.profiles.described import kubelet_can_read
from inferencehealth.profiles.profile import StaticFinding


def of_profile(facts: Facts) -> Iterator[Finding]:
    """The profile's own findings that hold for the probes in effect, or advised."""
    profile, live = facts.profile, prospective(facts.liveness)
    asks_profile = same_handler(live, facts.handlers.liveness)
    asks_ready = same_handler(prospective(facts.readiness), facts.handlers.readiness)
    static = (
        *(profile.liveness_findings if asks_profile else ()),
        *(trap for path, trap in profile.liveness_traps if path_of(live) == path),
        *(profile.readiness_findings if asks_ready else ()),
        *(profile.unnamed_findings if not facts.check.models.required else ()),
    )
    return (_finding(one, facts.container.name) for one in static)


def version_not_checked(facts: Facts) -> Iterator[Hit]:
    """A version that nobody can ask for."""
    named = [f'"{m.name}" version {m.version}' for m in facts.check.models.required if m.version]
    if named and not facts.profile.tells_versions:
        yield Hit(
            f"{facts.server} does not tell versions of a model apart: of {named[0]} only "
            "the name is checked."
        )


def unreadable_answer(facts: Facts) -> Iterator[Hit]:
    """An answer described in the policy that the kubelet can't understand."""
    ends = facts.policy.spec.server.endpoints
    if ends is not None and not kubelet_can_read(ends.ready):
        yield Hit(
            "The kubelet asks with GET and sees only whether a status lies between 200 "
            "and 399, so its readiness says less than the operator's own check of "
            f"{told_path(ends.ready.path)}, which reads the answer as endpoints.ready "
            "describes it.",
            "Let the server say to a GET, by a status between 200 and 399 or by 500, "
            "whether it serves, if you can.",
        )


def _finding(static: StaticFinding, container: str) -> Finding:
    return Finding(
        id=static.id,
        severity=static.severity,
        container=container,
        message=static.message,
        remedy=static.remedy,
    )


RULES = (
    Rule(
        id="InferenceInLiveness",
        severity="warning",
        what="The liveness probe waits for an inference, or for what only inference can do.",
        why="It queues behind all other requests, so a server that is only busy is restarted, and "
        "its queue is lost.",
        remedy="Let liveness ask a path that answers as long as the process works.",
        example="""\
image: ghcr.io/huggingface/text-generation-inference:3.3.7
args: [--model-id, Qwen/Qwen2.5-7B-Instruct]
ports: [{containerPort: 80}]
livenessProbe:
  httpGet: {path: /health, port: 80}
""",
    ),
    Rule(
        id="ReadinessInLiveness",
        severity="info",
        what="The server's documented liveness also fails when it may only not have traffic.",
        why="A gRPC health service that drains, or TorchServe's /ping with one model that can't "
        "keep its workers, restarts the whole server.",
        remedy="If that can happen to yours, set spec.probes.liveness.strategy: Process.",
        example="""\
image: pytorch/torchserve:0.12.0-cpu
ports: [{containerPort: 8080}]
livenessProbe:
  httpGet: {path: /ping, port: 8080}
  timeoutSeconds: 5
""",
    ),
    Rule(
        id="LivenessSeesProxyOnly",
        severity="info",
        what="The server's live path is answered by a front that does not look at the engine.",
        why="A pod whose engine hangs leaves traffic but is not restarted.",
        remedy="Watch the verdict: a pod that stays not ready after it served needs a restart.",
        example="""\
image: nvcr.io/nim/meta/llama-3.1-8b-instruct:1.8.3
ports: [{containerPort: 8000}]
livenessProbe:
  httpGet: {path: /v1/health/live, port: 8000}
""",
    ),
    Rule(
        id="DependencyInReadiness",
        severity="info",
        what="The server's ready path asks other services that it calls.",
        why="One that is down takes all its callers out of traffic, and a slow one makes the probe "
        "time out.",
        remedy="Give the readiness probe time for that (6 s for BentoML), or turn the asking off.",
        example="""\
image: team/summarizer:1
command: [bentoml, serve]
ports: [{containerPort: 3000}]
readinessProbe:
  httpGet: {path: /readyz, port: 3000}
""",
    ),
    Rule(
        id="KubeletCannotSeeModels",
        severity="info",
        what="The server's health path is good whatever its applications or models do.",
        why="The kubelet sends traffic to a pod whose application failed to deploy.",
        remedy="Open the place where the server tells (Ray's dashboard), so that the operator's "
        "check can read it.",
        example="""\
image: rayproject/ray:2.44.1
command: [serve, run, app:app]
ports: [{containerPort: 8000}]
readinessProbe:
  httpGet: {path: /-/healthz, port: 8000}
""",
    ),
    Rule(
        id="HealthyWithoutEngine",
        severity="info",
        what="The server's health path stays good while its engine hangs or sleeps.",
        why="The kubelet keeps sending traffic to a pod whose every request hangs. No path of the "
        "server tells.",
        remedy="Alert on requests that wait while no tokens are made, or let the operator send a "
        "canary (spec.checks.canary).",
        example="""\
image: vllm/vllm-openai:v0.8.5
args: [--model, Qwen/Qwen2.5-7B-Instruct]
readinessProbe:
  httpGet: {path: /health, port: 8000}
""",
    ),
    Rule(
        id="HealthWaitsInLine",
        severity="info",
        what="The server's health path waits behind its requests when there are very many.",
        why="From outside a server with more clients than HTTP threads looks like one that hangs, "
        "and is restarted if that lasts.",
        remedy="Give llama-server more HTTP threads than it may have clients (--threads-http), or "
        "put a queue before it.",
        example="""\
image: ghcr.io/ggml-org/llama.cpp:server
args: [-m, /models/qwen.gguf]
ports: [{containerPort: 8080}]
""",
    ),
    Rule(
        id="ReadyWithoutModel",
        severity="warning",
        what="The server is ready without any model.",
        why="Its health path means only that the process works; a model that is missing shows "
        "itself in the first request.",
        remedy="Name the models in spec.server.models.required: the operator's check asks for "
        "them.",
        example="""\
image: ghcr.io/speaches-ai/speaches:latest-cuda
ports: [{containerPort: 8000}]
readinessProbe:
  httpGet: {path: /health, port: 8000}
""",
    ),
    Rule(
        id="ModelsNotNamed",
        severity="warning",
        other_severities=("info",),
        what="No required model is named, and the server is ready whatever its models do.",
        why="Neither the kubelet nor the check can see that a model is missing which nobody asked "
        "for.",
        remedy="Name the models in spec.server.models.required.",
        example="""\
image: seldonio/mlserver:1.6.1
ports: [{containerPort: 8080}]
""",
    ),
    Rule(
        id="KubeletCannotSeeInference",
        severity="info",
        what="The server's health path says nothing about whether it can predict.",
        why="A worker that hangs stays ready.",
        remedy="Let the server's own health hook look further.",
        example="""\
image: python:3.12
command: [python, server.py]
env: [{name: LIT_SERVER_API_KEY, value: "1"}]
ports: [{containerPort: 8000}]
""",
    ),
    Rule(
        id="KubeletCannotSeeLoading",
        severity="info",
        what="The server's health path is good while a worker still loads its model.",
        why="The kubelet sends traffic to a pod that can't serve yet.",
        remedy="Let the management API listen on the pod's address, so that the operator's check "
        "can read the workers.",
        example="""\
image: pytorch/torchserve:0.12.0-cpu
ports: [{containerPort: 8080}]
readinessProbe:
  httpGet: {path: /ping, port: 8080}
""",
    ),
    Rule(
        id="KubeletCannotReadBody",
        severity="info",
        other_severities=("warning",),
        what="Whether the server serves stands in the body of its answer, which the kubelet does "
        "not read.",
        why="Its readiness says less than the operator's own check, which reads the body.",
        remedy="Watch the verdict; let the server say it by status if you can.",
        example="""\
image: quay.io/smallestinc/license-proxy:1
ports: [{containerPort: 3369}]
readinessProbe:
  httpGet: {path: /health, port: 3369}
""",
        find=unreadable_answer,
    ),
    Rule(
        id="VersionNotChecked",
        severity="info",
        what="A version of a model is required from a server that does not tell versions apart.",
        why="Only the name can be checked.",
        remedy="Leave the version out of spec.server.models.required.",
        example="""\
server:
  profile: vllm
  models: {required: [{name: llama, version: "2"}]}
container:
  image: vllm/vllm-openai:v0.8.5
""",
        find=version_not_checked,
    ),
)
