"""Each rule by cases on both sides of its line."""

from typing import Any

import pytest

from inferencehealth.api.report import Startup
from inferencehealth.findings.catalogue import RULES
from inferencehealth.findings.rule import Rule
from inferencehealth.lint.linting import judge
from inferencehealth.plan import plan
from inferencehealth.profiles.registry import PROFILES
from tests.unit.findings.given import TRITON, VLLM, a_workload, found, get, shown_by
from tests.unit.plan.given import a_policy, deployment

LIVE, READY = "/v2/health/live", "/v2/health/ready"
CALM = {"timeoutSeconds": 5, "periodSeconds": 10, "failureThreshold": 3}
LONG = {"timeoutSeconds": 5, "periodSeconds": 10, "failureThreshold": 200}


@pytest.mark.parametrize("rule", [r for r in RULES if r.example], ids=lambda rule: rule.id)
def test_every_example_shows_its_finding(rule: Rule) -> None:
    told = [one for one in shown_by(rule) if one.id == rule.id]
    assert told, [one.id for one in shown_by(rule)]
    assert {one.severity for one in told} <= {rule.severity, *rule.other_severities}
    assert all(one.message and one.remedy for one in told)
    if rule.id != "OwnedByController":  # it names the container whose probes it recommends
        assert {bool(one.container) for one in told} == {not rule.of_workload}


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_what_the_operator_writes_is_not_complained_about(profile: Any) -> None:
    spec: dict[str, Any] = {"profile": profile.name, "port": 8000}
    if profile.name == "custom":
        spec["endpoints"] = {"ready": {"path": "/ready"}, "live": {"path": "/live"}}
    for strategy in ("Profile", "Process"):
        probes = {"mode": "Apply", "existing": "Replace", "liveness": {"strategy": strategy}}
        bad = {"image": "own:1", "livenessProbe": get("/x", 1, failureThreshold=1)}
        judged = judge(deployment(bad), a_policy(server=spec, probes=probes))
        own = {one.id for one in judged.findings}
        static = {f.id for f in (*profile.liveness_findings, *profile.readiness_findings)}
        static |= {f.id for f in profile.unnamed_findings} | {"LivenessCannotSeeHang"}
        static |= {"NoStartupProbe"} if profile.documented else set()  # and so it is printed
        assert own <= static
        assert not any(one.severity == "error" for one in judged.findings)


Case = tuple[dict[str, Any], dict[str, Any], str, str]

CASES: list[Case] = [
    # Startup: the server's budget (vLLM 30m, Triton 10m) against the kubelet's arithmetic.
    (VLLM, {"livenessProbe": get("/health", **CALM)}, "NoStartupProbe", "error"),
    (
        VLLM,
        {"livenessProbe": get("/health", initialDelaySeconds=300, **CALM)},
        "NoStartupProbe",
        "warning",
    ),
    (
        VLLM,
        {"livenessProbe": get("/health", initialDelaySeconds=1200, **CALM)},
        "NoStartupProbe",
        "info",
    ),
    (VLLM, {"livenessProbe": get("/health", initialDelaySeconds=1800)}, "NoStartupProbe", ""),
    (VLLM, {"startupProbe": get("/health", **LONG)}, "NoStartupProbe", ""),
    (VLLM, {"readinessProbe": get("/health", **CALM)}, "NoStartupProbe", ""),
    (
        VLLM,
        {"startupProbe": get("/health", periodSeconds=5, failureThreshold=15)},
        "StartupBelowBudget",
        "error",
    ),
    (
        VLLM,
        {"startupProbe": get("/health", periodSeconds=5, failureThreshold=30)},
        "StartupBelowBudget",
        "warning",
    ),
    (VLLM, {"startupProbe": get("/health", **LONG)}, "StartupBelowBudget", ""),
    (
        {"image": "ollama/ollama:0.6"},
        {
            "startupProbe": {
                "exec": {"command": ["ollama", "pull", "m"]},
                "timeoutSeconds": 10800,
                "failureThreshold": 1,
            }
        },
        "StartupBelowBudget",
        "",
    ),
    (
        TRITON,
        {"livenessProbe": get(LIVE, initialDelaySeconds=60)},
        "InitialDelayInsteadOfStartup",
        "info",
    ),
    (
        TRITON,
        {"livenessProbe": get(LIVE, initialDelaySeconds=5)},
        "InitialDelayInsteadOfStartup",
        "",
    ),
    # Liveness.
    (
        TRITON,
        {"livenessProbe": get(READY), "readinessProbe": get(READY)},
        "LivenessSameAsReadiness",
        "error",
    ),
    (
        TRITON,
        {"livenessProbe": get("/own"), "readinessProbe": get("/own")},
        "LivenessSameAsReadiness",
        "warning",
    ),
    (
        TRITON,
        {"livenessProbe": get(LIVE), "readinessProbe": get(LIVE)},
        "LivenessSameAsReadiness",
        "",
    ),
    (
        VLLM,
        {"livenessProbe": get("/health"), "readinessProbe": get("/health")},
        "LivenessSameAsReadiness",
        "",
    ),
    (
        TRITON,
        {
            "livenessProbe": {"tcpSocket": {"port": 8000}},
            "readinessProbe": {"tcpSocket": {"port": 8000}},
        },
        "LivenessSameAsReadiness",
        "",
    ),
    (TRITON, {"livenessProbe": get("/v2/models/m/ready")}, "ReadyInLiveness", "error"),
    (TRITON, {"livenessProbe": get(LIVE)}, "ReadyInLiveness", ""),
    (VLLM, {"livenessProbe": get("/health")}, "ReadyInLiveness", ""),
    (
        TRITON,
        {"livenessProbe": {"httpGet": {"host": "license.corp", "port": 80, "path": "/"}}},
        "DependencyInLiveness",
        "error",
    ),
    (
        {"image": "quay.io/smallestinc/self-hosted-api-server:1.0.0"},
        {"livenessProbe": get("/health/redis", 7100)},
        "DependencyInLiveness",
        "error",
    ),
    (
        TRITON,
        {"livenessProbe": {"exec": {"command": ["sh", "-c", "redis-cli ping && true"]}}},
        "DependencyInLiveness",
        "warning",
    ),
    (
        TRITON,
        {"livenessProbe": {"exec": {"command": ["curl", "-f", "http://redis:6379/"]}}},
        "DependencyInLiveness",
        "warning",
    ),
    (
        TRITON,
        {"livenessProbe": {"exec": {"command": ["curl", "-f", f"http://127.0.0.1:8000{LIVE}"]}}},
        "DependencyInLiveness",
        "",
    ),
    (
        TRITON,
        {"readinessProbe": {"exec": {"command": ["redis-cli", "ping"]}}},
        "DependencyInLiveness",
        "",
    ),
    (TRITON, {"readinessProbe": get(READY)}, "NoLivenessProbe", "info"),
    (TRITON, {}, "NoLivenessProbe", ""),
    # Readiness.
    (TRITON, {}, "NoProbes", "error"),
    (TRITON, {"livenessProbe": get(LIVE)}, "NoProbes", ""),
    (TRITON, {"livenessProbe": get(LIVE)}, "NoReadinessProbe", "error"),
    (TRITON, {"startupProbe": get(LIVE)}, "NoReadinessProbe", "warning"),
    (TRITON, {"readinessProbe": get(READY)}, "NoReadinessProbe", ""),
    (TRITON, {"readinessProbe": get(LIVE)}, "ReadinessOnlyProcess", "warning"),
    (TRITON, {"readinessProbe": {"tcpSocket": {"port": 8000}}}, "ReadinessOnlyProcess", "warning"),
    (TRITON, {"readinessProbe": get(READY)}, "ReadinessOnlyProcess", ""),
    (VLLM, {"readinessProbe": get("/health")}, "ReadinessOnlyProcess", ""),
    (
        {**VLLM, "env": [{"name": "VLLM_API_KEY", "valueFrom": {"secretKeyRef": {}}}]},
        {"livenessProbe": get("/v1/models")},
        "ProbeNeedsKey",
        "error",
    ),
    (VLLM, {"livenessProbe": get("/v1/models")}, "ProbeNeedsKey", ""),
    (
        {**VLLM, "args": ["--api-key", "k"]},
        {"livenessProbe": get("/health")},
        "ProbeNeedsKey",
        "",
    ),
    (
        {**VLLM, "args": ["--api-key", "k"]},
        {
            "readinessProbe": {
                "httpGet": {
                    "path": "/v1/models",
                    "port": 8000,
                    "httpHeaders": [{"name": "Authorization", "value": "Bearer k"}],
                }
            }
        },
        "ProbeNeedsKey",
        "",
    ),
    # Numbers.
    (VLLM, {"readinessProbe": get("/health", timeoutSeconds=1)}, "TimeoutTooShort", "warning"),
    (VLLM, {"readinessProbe": get("/health")}, "TimeoutTooShort", "warning"),
    (VLLM, {"startupProbe": get("/health")}, "TimeoutTooShort", ""),
    (VLLM, {"readinessProbe": get("/health", timeoutSeconds=2)}, "TimeoutTooShort", ""),
    (
        VLLM,
        {"livenessProbe": get("/health", failureThreshold=1)},
        "SingleFailureCounts",
        "error",
    ),
    (
        VLLM,
        {"readinessProbe": get("/health", failureThreshold=1)},
        "SingleFailureCounts",
        "warning",
    ),
    (VLLM, {"readinessProbe": get("/health", failureThreshold=2)}, "SingleFailureCounts", ""),
    (
        VLLM,
        {
            "livenessProbe": get("/health", periodSeconds=5),
            "readinessProbe": get("/health", periodSeconds=5, failureThreshold=5),
        },
        "RestartBeforeTrafficStops",
        "warning",
    ),
    (
        VLLM,
        {
            "livenessProbe": get("/health", periodSeconds=5),
            "readinessProbe": get("/health", periodSeconds=5),
        },
        "RestartBeforeTrafficStops",
        "",
    ),
    (VLLM, {"livenessProbe": get("/health", timeoutSeconds=60)}, "OutsideUsualBounds", "info"),
    (VLLM, {"livenessProbe": get("/health", **CALM)}, "OutsideUsualBounds", ""),
    (VLLM, {"startupProbe": get("/health", **LONG)}, "OutsideUsualBounds", ""),
    # Handlers.
    (
        TRITON,
        {"readinessProbe": {**get(READY), "tcpSocket": {"port": 1}}},
        "TwoHandlers",
        "error",
    ),
    (TRITON, {"readinessProbe": get(READY)}, "TwoHandlers", ""),
    (TRITON, {"readinessProbe": {"periodSeconds": 1}}, "NoHandler", "error"),
    (
        TRITON,
        {"livenessProbe": get(LIVE, terminationGracePeriodSeconds=5)},
        "GracePeriodOnReadiness",
        "",
    ),
    (
        TRITON,
        {"readinessProbe": get(READY, successThreshold=2)},
        "SuccessThresholdNotAllowed",
        "",
    ),
    (TRITON, {"readinessProbe": get(READY, "http")}, "ProbePortUnknown", ""),
    (TRITON, {"readinessProbe": get(READY, 9000)}, "ProbePortNotServed", "warning"),
    (TRITON, {"readinessProbe": get(READY, "8000")}, "ProbePortNotServed", ""),
    (
        {**VLLM, "args": ["--model", "m", "--port", "8001"]},
        {"readinessProbe": get("/health", 8000)},
        "ProbePortNotServed",
        "error",
    ),
    (
        {**VLLM, "args": ["--model", "m", "--port", "8001"]},
        {"readinessProbe": get("/health", 9000)},
        "ProbePortNotServed",
        "error",
    ),
    (
        {**TRITON, "args": ["tritonserver", "--http-port=8010"]},
        {"readinessProbe": {"grpc": {"port": 8000}}},
        "ProbePortNotServed",
        "",
    ),
    (
        {**TRITON, "args": ["tritonserver", "--metrics-port=8077"]},
        {"readinessProbe": get("/metrics", 8077)},
        "ProbePortNotServed",
        "",
    ),
    (
        TRITON,
        {"readinessProbe": {"exec": {"command": ["curl", "-f", "localhost:8000"]}}},
        "ExecToolMissing",
        "",
    ),
    (
        TRITON,
        {"readinessProbe": {"exec": {"command": ["/bin/grpc_health_probe", "-addr=:8001"]}}},
        "ExecToolMissing",
        "info",
    ),
    (
        {"image": "tensorflow/serving:2.16.1"},
        {"readinessProbe": {"exec": {"command": ["sh", "-c", "curl -f localhost:8501"]}}},
        "ExecToolMissing",
        "warning",
    ),
    (
        {"image": "registry.corp/tritonserver:2-slim"},
        {"readinessProbe": {"exec": {"command": ["wget", "localhost:8000"]}}},
        "ExecToolMissing",
        "info",
    ),
]


@pytest.mark.parametrize(("server", "own", "rule", "severity"), CASES)
def test_a_probe_is_judged(
    server: dict[str, Any], own: dict[str, Any], rule: str, severity: str
) -> None:
    told = found({**server, **own})
    assert (told[rule].severity if rule in told else "") == severity, told.keys()


def test_a_port_of_another_container_of_the_pod_is_known() -> None:
    proxy = {"image": "envoy:1", "ports": [{"containerPort": 9000}]}
    assert "ProbePortNotServed" not in found({**TRITON, "readinessProbe": get("/", 9000)}, proxy)
    behind = {**VLLM, "args": ["--port=8200"], "ports": [], "readinessProbe": get("/health", 9000)}
    assert "ProbePortNotServed" not in found(behind, proxy)


def test_the_worst_findings_stand_first() -> None:
    judged = judge(deployment({**VLLM, "livenessProbe": get("/health", failureThreshold=1)}), None)
    order = ["error", "warning", "info"]
    severities = [order.index(one.severity) for one in judged.findings]
    assert severities == sorted(severities)
    assert len(set(severities)) == 3


def test_a_kind_whose_controller_adds_probes_is_only_advised() -> None:
    target = a_workload("Service")
    [finding] = [one for one in judge(target, None).findings if one.id == "NoProbes"]
    assert finding.severity == "info"


def test_a_startup_time_that_the_policy_names_is_kept_to() -> None:
    own = {"startupProbe": get("/health", periodSeconds=10, failureThreshold=91)}
    named = a_policy(probes={"mode": "Recommend", "budgets": {"maxStartup": "20m"}})
    judged = judge(deployment({**VLLM, **own}), named)
    [finding] = [one for one in judged.findings if one.id == "StartupBelowBudget"]
    assert finding.severity == "warning"
    assert "failureThreshold to 121" in finding.remedy


@pytest.mark.parametrize("existing", ["Keep", "Replace"])
def test_only_what_stays_of_the_author_is_judged(existing: str) -> None:
    own = {"livenessProbe": get("/health", failureThreshold=1)}
    policy = a_policy(probes={"mode": "Apply", "existing": existing})
    told = {one.id for one in judge(deployment({**VLLM, **own}), policy).findings}
    assert ("SingleFailureCounts" in told) is (existing == "Keep")
    assert "NoStartupProbe" not in told  # the policy adds one


def loads(p90: float) -> Startup:
    image = str(VLLM["image"])
    return Startup(image=image, count=5, p50=p90, p90=p90, max=p90)


STARTUP_RULES = {"NoStartupProbe", "StartupBelowBudget", "StartupBelowObserved"}


@pytest.mark.parametrize(
    ("own", "p90", "told"),
    [
        ({"startupProbe": get("/health", failureThreshold=13)}, 60, {}),
        ({"startupProbe": get("/health", failureThreshold=13)}, 100, {"StartupBelowBudget"}),
        ({"startupProbe": get("/health", failureThreshold=13)}, 200, {"StartupBelowObserved"}),
        ({"livenessProbe": get("/health", initialDelaySeconds=300)}, 60, {}),
        (
            {"livenessProbe": get("/health", initialDelaySeconds=30)},
            60,
            {"NoStartupProbe", "StartupBelowObserved"},
        ),
    ],
)
def test_what_was_observed_counts_more_than_what_a_profile_supposes(
    own: dict[str, Any], p90: float, told: Any
) -> None:
    policy = a_policy(probes={"mode": "Recommend"})
    made = plan(policy, deployment({**VLLM, **own}), observed=[loads(p90)])
    assert {one.id for one in made.findings} & STARTUP_RULES == set(told)
    if "StartupBelowObserved" in told:
        assert "error" in {one.severity for one in made.findings}
