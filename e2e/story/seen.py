"""What can be seen on a stage: pods, probes, traffic, policies and reports; reading only."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from e2e.story.stage import Stage
from inferencehealth.api.policy import Policy
from inferencehealth.api.report import Report

PROBES = ("startupProbe", "livenessProbe", "readinessProbe")


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod as the kubelet reports it; one that is on its way out is not listed."""

    name: str
    app: str
    uid: str
    ip: str
    phase: str
    ready: bool
    restarts: int

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.name} {self.phase}, {'ready' if self.ready else 'not ready'}, " + restarts(
            self.restarts
        )


@dataclass(frozen=True, slots=True)
class Rollout:
    """Where a Deployment stands."""

    generation: int
    observed: int
    wanted: int
    updated: int
    available: int
    total: int

    @property
    def done(self) -> bool:
        """Whether every pod is of the newest template and available."""
        counts = {self.updated, self.available, self.total}
        return self.observed >= self.generation and counts == {self.wanted}


def restarts(number: int) -> str:
    """A number of restarts in words."""
    return "1 restart" if number == 1 else f"{number} restarts"


def pods(stage: Stage, app: str) -> tuple[Pod, ...]:
    """The pods with the label app=APP, oldest first."""
    found = stage.items("pods", f"--selector=app={app}", "--sort-by=.metadata.creationTimestamp")
    return tuple(_pod(raw) for raw in found if "deletionTimestamp" not in raw["metadata"])


def pods_in_words(found: tuple[Pod, ...]) -> str:
    """Pods in one line."""
    return "; ".join(map(str, found)) or "no pods"


def rollout(stage: Stage, deployment: str) -> Rollout:
    """The Deployment's counts."""
    raw = stage.look("deployment", deployment)
    status = raw.get("status", {})
    return Rollout(
        generation=raw["metadata"]["generation"],
        observed=status.get("observedGeneration", 0),
        wanted=raw["spec"]["replicas"],
        updated=status.get("updatedReplicas", 0),
        available=status.get("availableReplicas", 0),
        total=status.get("replicas", 0),
    )


def rollout_in_words(found: Rollout) -> str:
    """A Deployment's counts in one line."""
    return (
        f"{found.updated} of {found.wanted} pods updated, {found.available} available, "
        f"{found.total} in all"
    )


def probes(stage: Stage, deployment: str) -> dict[str, Mapping[str, Any]]:
    """The probes of a Deployment's first container, by field."""
    container = stage.look("deployment", deployment)["spec"]["template"]["spec"]["containers"][0]
    return {field: container[field] for field in PROBES if field in container}


def probe_in_words(field: str, probe: Mapping[str, Any]) -> str:
    """One probe in one line: `livenessProbe: GET :8000/v2/health/live every 5 s, …`."""
    every, times = probe.get("periodSeconds", 10), probe.get("failureThreshold", 3)
    within, delay = probe.get("timeoutSeconds", 1), probe.get("initialDelaySeconds", 0)
    after = f", first after {delay} s" if delay else ""
    return f"{field}: {_asks(probe)} every {every} s, {times} failures, {within} s each{after}"


def managers(stage: Stage, deployment: str) -> frozenset[str]:
    """Who owns fields of a Deployment's probes (managedFields)."""
    raw = stage.look("deployment", deployment, "--show-managed-fields")
    entries = raw["metadata"]["managedFields"]
    return frozenset(e["manager"] for e in entries if "Probe" in str(e.get("fieldsV1")))


def in_traffic(stage: Stage, service: str) -> frozenset[str]:
    """Names of the pods to which a Service sends traffic, from its EndpointSlices."""
    slices = stage.items("endpointslices", f"--selector=kubernetes.io/service-name={service}")
    return frozenset(
        endpoint["targetRef"]["name"]
        for each in slices
        for endpoint in each.get("endpoints") or []
        if endpoint.get("conditions", {}).get("ready")
    )


def policy(stage: Stage, name: str) -> Policy:
    """A policy."""
    return Policy.model_validate(stage.look("inferencehealthpolicy", name))


def policy_in_words(found: Policy) -> str:
    """A policy's status in one line."""
    ready = condition(found, "Ready")
    summary = found.status.summary
    return f"{summary.verdict or 'no verdict'}, pods {summary.pods}, models {summary.models}" + (
        f"; Ready={ready[0]} {ready[1]}: {ready[2]}" if ready else ""
    )


def condition(found: Policy, type_: str) -> tuple[str, str, str] | None:
    """Status, reason and message of a condition; None when it is not there, or out of date."""
    for each in found.status.conditions:
        if each.type == type_ and each.observed_generation == found.metadata.generation:
            return each.status.value, each.reason, each.message
    return None


def report(stage: Stage, deployment: str) -> Report:
    """The report of a Deployment; raises KubectlError while there is none."""
    return Report.model_validate(stage.look("inferencehealthreport", f"deployment-{deployment}"))


def endpoints(stage: Stage, deployment: str, model: str) -> dict[str, str]:
    """What Triton's documented health endpoints answer, by path: the status code."""
    return {path: _status_of(stage, deployment, path) for path in triton_health(model)}


def triton_health(model: str) -> tuple[str, ...]:
    """The paths on which Triton tells that it is well, and one of its models."""
    return ("/v2/health/live", "/v2/health/ready", f"/v2/models/{model}/ready")


def _status_of(stage: Stage, deployment: str, path: str) -> str:
    curl = ("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", f"http://localhost:8000{path}")
    return stage.act("exec", f"deployment/{deployment}", "--", *curl)


def events(stage: Stage, pod: Pod, reason: str) -> tuple[str, ...]:
    """Messages of a pod's events of one reason."""
    selector = f"--field-selector=involvedObject.uid={pod.uid},reason={reason}"
    return tuple(event["message"] for event in stage.items("events", selector))


def _pod(raw: Mapping[str, Any]) -> Pod:
    status = raw["status"]
    conditions = {c["type"]: c["status"] for c in status.get("conditions", [])}
    return Pod(
        name=raw["metadata"]["name"],
        app=raw["metadata"]["labels"]["app"],
        uid=raw["metadata"]["uid"],
        ip=status.get("podIP", ""),
        phase=status.get("phase", ""),
        ready=conditions.get("Ready") == "True",
        restarts=sum(c["restartCount"] for c in status.get("containerStatuses", [])),
    )


def _asks(probe: Mapping[str, Any]) -> str:
    if http := probe.get("httpGet"):
        return f"GET :{http['port']}{http['path']}"
    if socket := probe.get("tcpSocket"):
        return f"connect to :{socket['port']}"
    return " ".join(probe.get("exec", {}).get("command", ["?"]))
