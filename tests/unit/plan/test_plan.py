"""Whole plans: what a policy means for a workload."""

import json
from typing import Any

import pytest

from inferencehealth.kubelet import same_probe
from inferencehealth.plan import (
    Action,
    JsonPatch,
    Plan,
    SsaApply,
    apply_operations,
    plan,
    probes_report,
)
from inferencehealth.workloads import OWNED_KINDS, workload
from tests.unit.plan.given import ASR, TRITON, a_policy, deployment, owned

LIVE_PATH = {"httpGet": {"path": "/v2/health/live", "port": 8000}}
DOCUMENTED_LIVE = {
    "httpGet": {"path": "/health", "port": 7100},
    "initialDelaySeconds": 30,
    "periodSeconds": 10,
    "timeoutSeconds": 5,
    "failureThreshold": 3,
}
DOCUMENTED_READY = {
    "httpGet": {"path": "/health", "port": 7100},
    "initialDelaySeconds": 10,
    "periodSeconds": 5,
    "timeoutSeconds": 3,
    "failureThreshold": 3,
}
APPLY = {"mode": "Apply"}
REPLACE = {"mode": "Apply", "existing": "Replace"}


def wanted(planned: Plan) -> dict[str, Any]:
    assert not planned.problems, planned.problems
    return {probe.kind: probe.wanted for probe in planned.probes}


def actions(planned: Plan) -> list[str]:
    return [probe.action.value for probe in planned.probes]


def ids(planned: Plan) -> set[str]:
    return {finding.id for finding in planned.findings}


def test_triton_gets_probes_that_fit_it() -> None:
    planned = plan(a_policy(), deployment({"image": TRITON}))
    probes = wanted(planned)
    assert list(probes) == list(OWNED_KINDS)
    assert probes["startupProbe"]["httpGet"] == LIVE_PATH["httpGet"]
    assert probes["livenessProbe"]["httpGet"] == LIVE_PATH["httpGet"]
    assert probes["readinessProbe"]["httpGet"]["path"] == "/v2/health/ready"
    assert actions(planned) == ["Recommend"] * 3
    assert all(probe.reason for probe in planned.probes)


@pytest.mark.parametrize(
    ("required", "path"),
    [
        ([{"name": "good"}], "/v2/models/good/ready"),
        ([{"name": "good", "version": "2"}], "/v2/models/good/versions/2/ready"),
        ([{"name": "good"}, {"name": "other"}], "/v2/health/ready"),
    ],
)
def test_one_required_model_is_what_readiness_asks(required: list[Any], path: str) -> None:
    policy = a_policy(server={"models": {"required": required}})
    planned = plan(policy, deployment({"image": TRITON}))
    assert wanted(planned)["readinessProbe"]["httpGet"]["path"] == path


def test_the_asr_gets_its_documented_probes_to_the_digit_and_nothing_else() -> None:
    planned = plan(a_policy(), deployment({"image": ASR}))
    assert wanted(planned) == {
        "startupProbe": None,
        "livenessProbe": DOCUMENTED_LIVE,
        "readinessProbe": DOCUMENTED_READY,
    }


def test_the_asrs_documented_liveness_comes_with_a_warning_and_a_way_out() -> None:
    planned = plan(a_policy(), deployment({"image": ASR}))
    [finding] = [f for f in planned.findings if f.id == "DependencyInLiveness"]
    assert finding.severity == "warning"
    assert "503" in finding.message
    assert "strategy: Process" in finding.remedy


def test_strategy_process_asks_the_asr_for_a_sign_of_life_only() -> None:
    policy = a_policy(probes={"liveness": {"strategy": "Process"}})
    planned = plan(policy, deployment({"image": ASR}))
    probes = wanted(planned)
    assert probes["livenessProbe"]["exec"]["command"] == [
        *("curl", "-s", "-o", "/dev/null", "--max-time", "4"),
        "http://127.0.0.1:7100/health",
    ]
    assert probes["livenessProbe"]["timeoutSeconds"] == 5
    assert probes["startupProbe"]["tcpSocket"] == {"port": 7100}
    assert probes["readinessProbe"] == DOCUMENTED_READY
    assert "DependencyInLiveness" not in ids(planned)


def test_an_authors_process_probe_does_not_bring_the_warning_about_ours() -> None:
    own = {"tcpSocket": {"port": 7100}}
    planned = plan(a_policy(), deployment({"image": ASR, "livenessProbe": own}))
    assert "DependencyInLiveness" not in ids(planned)
    assert "LivenessCannotSeeHang" in ids(planned)


def test_kserve_is_asked_for_the_model_it_was_started_for() -> None:
    server = {"image": "kserve/sklearnserver:v0.15", "args": ["--model_name=iris"]}
    planned = plan(a_policy(), deployment(server))
    assert planned.check is not None
    assert [model.name for model in planned.check.models.required] == ["iris"]
    assert wanted(planned)["readinessProbe"]["httpGet"]["path"] == "/v1/models/iris"
    assert "ModelsNotNamed" not in ids(planned)


def test_kserve_without_a_named_model_is_warned_about() -> None:
    planned = plan(a_policy(), deployment({"image": "kserve/sklearnserver:v0.15"}))
    assert "ModelsNotNamed" in ids(planned)


def test_a_version_that_the_server_can_not_tell_is_told() -> None:
    policy = a_policy(server={"models": {"required": [{"name": "iris", "version": "2"}]}})
    kserve = plan(policy, deployment({"image": "kserve/sklearnserver:v0.15"}))
    assert "VersionNotChecked" in ids(kserve)
    assert "VersionNotChecked" not in ids(plan(policy, deployment({"image": TRITON})))


def test_the_policys_models_win_over_the_containers_arguments() -> None:
    server = {"image": "kserve/sklearnserver:v0.15", "args": ["--model_name=iris"]}
    policy = a_policy(server={"models": {"required": [{"name": "other"}]}})
    check = plan(policy, deployment(server)).check
    assert check is not None
    assert [model.name for model in check.models.required] == ["other"]


def test_the_check_has_everything_a_checker_needs() -> None:
    policy = a_policy(checks={"interval": "20s", "timeout": "2s", "failureThreshold": 5})
    check = plan(policy, deployment({"image": ASR})).check
    assert check is not None
    assert check.manifest() == {
        "profile": "asr",
        "container": "server",
        "port": 7100,
        "podSelector": {"matchLabels": {"app": "triton"}, "matchExpressions": []},
        "models": {"required": [], "discover": True},
        "components": {
            "required": ["api_server", "lightning_asr"],
            "optional": ["license_proxy", "redis"],
        },
        "interval": "20s",
        "timeout": "2s",
        "failureThreshold": 5,
        "successThreshold": 1,
        "startupBudget": "10m",
        "kubeletLag": "0s",
        "scheme": "HTTP",
        "keepAlive": False,
    }


def test_the_policys_components_replace_the_profiles() -> None:
    parts = {"required": ["lightning_asr", "redis"], "optional": ["license_proxy"]}
    check = plan(a_policy(server={"components": parts}), deployment({"image": ASR})).check
    assert check is not None
    assert check.components.manifest() == parts


@pytest.mark.parametrize(
    ("probes", "own", "budget"),
    [
        ({}, {}, 600),
        ({"budgets": {"maxStartup": "20m"}}, {}, 1200),
        ({"startup": {"periodSeconds": 10, "failureThreshold": 31}}, {}, 300),
        ({}, {"startupProbe": {**LIVE_PATH, "periodSeconds": 10, "failureThreshold": 181}}, 1800),
        (
            {"budgets": {"maxStartup": "20m"}},
            {"startupProbe": {**LIVE_PATH, "failureThreshold": 181}},
            1200,
        ),
        ({**REPLACE}, {"startupProbe": {**LIVE_PATH, "failureThreshold": 181}}, 600),
    ],
)
def test_the_checkers_startup_budget_is_the_one_the_kubelet_will_hold(
    probes: dict[str, Any], own: dict[str, Any], budget: float
) -> None:
    check = plan(a_policy(probes=probes), deployment({"image": TRITON, **own})).check
    assert check is not None
    assert check.startup_budget == budget


def test_a_named_port_of_the_policy_stays_a_name_in_the_probes() -> None:
    server = {"image": TRITON, "ports": [{"name": "web", "containerPort": 9000}]}
    planned = plan(a_policy(server={"port": "web"}), deployment(server))
    assert wanted(planned)["livenessProbe"]["httpGet"]["port"] == "web"
    assert planned.check is not None
    assert planned.check.port == 9000


@pytest.mark.parametrize(
    ("spec", "container", "reason"),
    [
        ({}, {"image": "nginx:1"}, "ServerNotRecognised"),
        (
            {"target": {"selector": {"matchLabels": {"a": "b"}}, "container": "x"}},
            {"image": TRITON},
            "ContainerNotFound",
        ),
        ({"server": {"port": "htpp"}}, {"image": TRITON}, "PortNotFound"),
        (
            {
                "server": {
                    "profile": "custom",
                    "port": 1,
                    "endpoints": {
                        "ready": {"path": "/r", "expect": {"jsonSchema": {"type": "objekt"}}}
                    },
                }
            },
            {"image": "own:1"},
            "InvalidSchema",
        ),
    ],
)
def test_without_knowing_what_to_check_nothing_is_checked_or_written(
    spec: dict[str, Any], container: dict[str, Any], reason: str
) -> None:
    target = deployment(container)
    planned = plan(a_policy(probes=APPLY, **spec), target)
    assert [problem.reason for problem in planned.problems] == [reason]
    assert planned.check is None
    assert (planned.probes, planned.patch) == ((), None)
    assert apply_operations(planned, target) is None


def test_an_invalid_schema_names_its_field() -> None:
    ready = {"path": "/r", "expect": {"jsonSchema": {"type": "objekt"}}}
    server = {"profile": "custom", "port": 1, "endpoints": {"ready": ready}}
    [problem] = plan(a_policy(server=server), deployment({"image": "own:1"})).problems
    assert problem.field == "spec.server.endpoints.ready.expect.jsonSchema"
    assert "server.endpoints.ready.expect.jsonSchema" in problem.message


@pytest.mark.parametrize("state", ["expect", "loading", "busy", "asleep", "failing", "silent"])
@pytest.mark.parametrize("name", ["live", "ready", "model", "components"])
def test_an_invalid_schema_is_found_wherever_it_stands(name: str, state: str) -> None:
    broken = {state: {"status": [299], "jsonSchema": {"type": "objekt"}}}
    ends = {"ready": {"path": "/r"}, name: {"path": "/{model}", **broken}}
    server = {"profile": "custom", "port": 1, "endpoints": ends}
    [problem] = plan(a_policy(server=server), deployment({"image": "own:1"})).problems
    assert problem.reason == "InvalidSchema"
    assert problem.field == f"spec.server.endpoints.{name}.{state}.jsonSchema"


@pytest.mark.parametrize(
    ("ends", "reason", "field"),
    [
        ({"live": {"path": "/l", "port": "admni"}}, "PortNotFound", "live.port"),
        ({"model": {"path": "/m", "method": "POST", "body": {"a": 1}}}, "InvalidEndpoint", "model"),
        ({"live": {"path": "/l", "body": {"a": "x" * 20_000}}}, "InvalidEndpoint", "live.body"),
    ],
)
def test_endpoints_that_can_not_be_asked_are_refused_by_field(
    ends: dict[str, Any], reason: str, field: str
) -> None:
    server = {"profile": "custom", "port": 1, "endpoints": {"ready": {"path": "/r"}, **ends}}
    planned = plan(a_policy(server=server), deployment({"image": "own:1"}))
    assert [(p.reason, p.field) for p in planned.problems] == [
        (reason, f"spec.server.endpoints.{field}")
    ]
    assert (planned.check, planned.probes) == (None, ())


def test_the_port_of_an_endpoint_is_a_name_in_the_probe_and_a_number_in_the_check() -> None:
    live = {"path": "/l", "port": "admin"}
    container = {"image": "own:1", "ports": [{"containerPort": 9001, "name": "admin"}]}
    planned = plan(a_policy(server=custom({}, live=live)), deployment(container))
    assert wanted(planned)["livenessProbe"]["httpGet"] == {"path": "/l", "port": "admin"}
    assert wanted(planned)["readinessProbe"]["httpGet"] == {"path": "/r", "port": 9000}
    assert planned.check is not None
    assert planned.check.endpoints is not None
    assert planned.check.endpoints.live is not None
    assert planned.check.endpoints.live.port == 9001


def test_contradicting_budgets_keep_the_checks_going_but_plan_no_probes() -> None:
    target = deployment({"image": TRITON})
    policy = a_policy(probes={**APPLY, "budgets": {"stopTrafficAfter": "90s"}})
    planned = plan(policy, target)
    assert [problem.reason for problem in planned.problems] == ["ContradictingBudgets"]
    assert planned.check is not None
    assert apply_operations(planned, target) is None


def test_mode_off_leaves_probes_alone_and_still_checks() -> None:
    target = deployment({"image": TRITON})
    planned = plan(a_policy(probes={"mode": "Off"}), target)
    assert actions(planned) == ["Off"] * 3
    assert planned.check is not None
    assert planned.patch is None
    assert apply_operations(planned, target) is None


def test_recommend_writes_nothing() -> None:
    target = deployment({"image": TRITON})
    planned = plan(a_policy(), target)
    assert planned.patch is not None
    assert apply_operations(planned, target) is None


def applied(target: Any, write: SsaApply | JsonPatch | None) -> Any:
    """The workload's container after the write, as the API server would leave it."""
    raw = json.loads(json.dumps(target.raw))
    container = raw["spec"]["template"]["spec"]["containers"][0]
    if isinstance(write, SsaApply):
        [mine] = write.body["spec"]["template"]["spec"]["containers"]
        container.update(mine)
        kinds = [kind for kind in mine if kind != "name"]
        raw["metadata"]["managedFields"].append(owned(*kinds))
    if isinstance(write, JsonPatch):
        for operation in write.operations:
            kind = operation["path"].rsplit("/", 1)[-1]
            if operation["op"] in {"add", "replace"}:
                container[kind] = operation["value"]
                raw["metadata"]["managedFields"].append(owned(kind, operation="Update"))
    return workload(raw)


@pytest.mark.parametrize("image", [TRITON, ASR, "kserve/sklearnserver:v0.15"])
@pytest.mark.parametrize(
    "own",
    [
        {},
        {"livenessProbe": {"tcpSocket": {"port": 1}, "initialDelaySeconds": 9}},
        {"startupProbe": LIVE_PATH, "livenessProbe": LIVE_PATH, "readinessProbe": LIVE_PATH},
    ],
)
@pytest.mark.parametrize("probes", [APPLY, REPLACE])
def test_once_written_a_plan_has_nothing_left_to_write(
    image: str, own: dict[str, Any], probes: dict[str, Any]
) -> None:
    policy, target = a_policy(probes=probes), deployment({"image": image, **own})
    after = applied(target, apply_operations(plan(policy, target), target))
    again = plan(policy, after)
    assert apply_operations(again, after) is None
    assert again.patch is None
    kept = {kind: after.containers[0].probe(kind) for kind in own}
    if probes is APPLY:
        assert kept == own
    for probe in again.probes:
        if probe.action is Action.IN_PLACE:
            assert same_probe(probe.wanted, after.containers[0].probe(probe.kind))


def test_replace_needs_a_patch_because_apply_can_not_take_away() -> None:
    target = deployment({"image": TRITON, "livenessProbe": {"tcpSocket": {"port": 1}}})
    write = apply_operations(plan(a_policy(probes=REPLACE), target), target)
    assert isinstance(write, JsonPatch)


def test_a_workload_of_another_controller_is_checked_but_only_advised() -> None:
    owner = [{"kind": "InferenceService", "name": "llama", "controller": True}]
    target = deployment({"image": TRITON}, ownerReferences=owner)
    planned = plan(a_policy(probes=APPLY), target)
    assert actions(planned) == ["Recommend"] * 3
    assert planned.check is not None
    assert apply_operations(planned, target) is None
    [finding] = [f for f in planned.findings if f.id == "OwnedByController"]
    assert "InferenceService llama" in finding.message
    assert "predictor" in finding.remedy


def custom(ready: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "profile": "custom",
        "port": 9000,
        "endpoints": {"ready": {"path": "/r", **ready}, **more},
    }


def test_a_custom_server_without_a_live_path_gets_tcp_liveness_and_is_told_what_it_misses() -> None:
    planned = plan(a_policy(server=custom({})), deployment({"image": "own:1"}))
    probes = wanted(planned)
    assert probes["livenessProbe"]["tcpSocket"] == {"port": 9000}
    assert probes["readinessProbe"]["httpGet"] == {"path": "/r", "port": 9000}
    assert "LivenessCannotSeeHang" in ids(planned)
    assert "KubeletCannotReadBody" not in ids(planned)


@pytest.mark.parametrize(
    ("ready", "handler", "told"),
    [
        ({"expect": {"status": [200, 204]}}, "httpGet", False),
        ({"loading": {"status": [503]}}, "httpGet", False),
        ({"loading": {"status": [202]}}, "httpGet", True),
        ({"expect": {"jsonSchema": {"required": ["a"]}}}, "httpGet", True),
        ({"expect": {"status": [200, 503]}}, "httpGet", True),
        ({"expect": {"status": [418]}}, "tcpSocket", True),
        ({"method": "POST"}, "tcpSocket", True),
    ],
)
def test_what_the_kubelet_can_not_read_is_told(
    ready: dict[str, Any], handler: str, told: bool
) -> None:
    policy = a_policy(server=custom(ready, live={"path": "/l"}))
    planned = plan(policy, deployment({"image": "own:1"}))
    assert handler in wanted(planned)["readinessProbe"]
    assert ("KubeletCannotReadBody" in ids(planned)) is told


READY_PROBE = {"httpGet": {"path": "/v2/health/ready", "port": 8000}}


@pytest.mark.parametrize(
    ("own", "finding"),
    [
        ({"livenessProbe": LIVE_PATH}, "NoStartupProbe"),
        ({"livenessProbe": {**LIVE_PATH, "initialDelaySeconds": 900}}, ""),
        ({"startupProbe": {**LIVE_PATH, "failureThreshold": 30}}, "StartupBelowBudget"),
        ({"startupProbe": {**LIVE_PATH, "failureThreshold": 61}}, ""),
        (
            {
                "livenessProbe": READY_PROBE,
                "readinessProbe": READY_PROBE,
                "startupProbe": {**LIVE_PATH, "failureThreshold": 61},
            },
            "LivenessSameAsReadiness",
        ),
        (
            {"livenessProbe": {"tcpSocket": {"port": 8000}, "initialDelaySeconds": 900}},
            "LivenessCannotSeeHang",
        ),
        ({}, ""),
    ],
)
def test_an_authors_probes_are_looked_at(own: dict[str, Any], finding: str) -> None:
    planned = plan(a_policy(), deployment({"image": TRITON, **own}))
    told = {"NoStartupProbe", "StartupBelowBudget", "LivenessSameAsReadiness"}
    assert ids(planned) & (told | {"LivenessCannotSeeHang"}) == ({finding} if finding else set())


def test_what_will_be_written_is_not_complained_about() -> None:
    own = {"livenessProbe": READY_PROBE, "readinessProbe": READY_PROBE}
    planned = plan(a_policy(probes=REPLACE), deployment({"image": TRITON, **own}))
    assert ids(planned) == set()


def test_exact_numbers_that_restart_too_early_are_warned_about() -> None:
    policy = a_policy(probes={"liveness": {"failureThreshold": 1, "periodSeconds": 1}})
    planned = plan(policy, deployment({"image": TRITON}))
    assert "RestartBeforeTrafficStops" in ids(planned)
    assert wanted(planned)["livenessProbe"]["failureThreshold"] == 1


def test_the_report_tells_each_probes_state() -> None:
    own = {"livenessProbe": READY_PROBE}
    target = deployment({"image": TRITON, **own})
    recommended = probes_report(plan(a_policy(), target))
    assert recommended.state == "Recommended"
    assert recommended.liveness is not None
    assert recommended.liveness.state == "Kept"
    assert json.loads(recommended.patch)["spec"]["template"]["spec"]["containers"]
    assert probes_report(plan(a_policy(probes=APPLY), target)).state == "Pending"
    assert probes_report(plan(a_policy(probes={"mode": "Off"}), target)).state == "Off"


def test_the_authors_probe_is_remembered_when_ours_replaces_it_and_afterwards() -> None:
    policy = a_policy(probes=REPLACE)
    target = deployment({"image": TRITON, "livenessProbe": READY_PROBE})
    planned = plan(policy, target)
    pending = probes_report(planned)
    assert pending.liveness is not None
    assert (pending.liveness.state, pending.liveness.original) == ("Pending", READY_PROBE)
    after = applied(target, apply_operations(planned, target))
    injected = probes_report(plan(policy, after), previous=pending)
    assert injected.liveness is not None
    assert (injected.liveness.state, injected.liveness.original) == ("Injected", READY_PROBE)


def test_the_asrs_missing_startup_probe_is_no_line_in_the_report() -> None:
    report = probes_report(plan(a_policy(), deployment({"image": ASR})))
    assert report.startup is None


def test_the_same_probe_of_the_author_is_his_and_stays() -> None:
    own = {"livenessProbe": DOCUMENTED_LIVE, "readinessProbe": DOCUMENTED_READY}
    report = probes_report(plan(a_policy(probes=APPLY), deployment({"image": ASR, **own})))
    assert report.state == "Kept"


def test_the_same_input_gives_the_same_plan_and_report() -> None:
    target = deployment({"image": TRITON, "livenessProbe": READY_PROBE})
    one, other = plan(a_policy(), target), plan(a_policy(), target)
    assert one == other
    assert probes_report(one) == probes_report(other)


@pytest.mark.parametrize(
    ("pod_grace", "liveness_grace"), [(None, None), (30, None), (60, None), (3600, 30)]
)
def test_a_hung_process_is_not_given_the_time_that_draining_takes(
    pod_grace: int | None, liveness_grace: int | None
) -> None:
    server = deployment({"image": TRITON})
    server.raw["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = pod_grace
    probes = wanted(plan(a_policy(), workload(server.raw)))
    assert probes["livenessProbe"].get("terminationGracePeriodSeconds") == liveness_grace
    assert "terminationGracePeriodSeconds" not in probes["readinessProbe"]
    assert "terminationGracePeriodSeconds" not in probes["startupProbe"]
