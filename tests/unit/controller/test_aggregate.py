from typing import Any

import pytest

from inferencehealth.api.conditions import Condition
from inferencehealth.api.policy import Policy
from inferencehealth.api.report import Finding, Health, ItemHealth, PodHealth, ProbeState, Report
from inferencehealth.api.rollouts import RolloutReport
from inferencehealth.api.status import PolicyStatus, VerdictCounts
from inferencehealth.controller.aggregate import invalid_status, policy_status
from inferencehealth.controller.claims import LostClaim
from inferencehealth.controller.views import Silence, SilenceOf

NOW = "2026-01-01T00:00:00Z"


def heard(seconds_ago: float) -> SilenceOf:
    return lambda _: Silence(seconds_ago, NOW)


def policy(mode: str = "Apply", status: PolicyStatus | None = None) -> Policy:
    return Policy.model_validate(
        {
            "apiVersion": "inferencehealth.dev/v1alpha1",
            "kind": "InferenceHealthPolicy",
            "metadata": {"name": "p", "namespace": "ml", "generation": 3},
            "spec": {"target": {"selector": {"matchLabels": {"a": "b"}}}, "probes": {"mode": mode}},
            "status": (status or PolicyStatus()).manifest(),
        }
    )


def report(
    name: str = "triton",
    *,
    counts: dict[str, int] | None = None,
    desired: int = 1,
    generation: int = 1,
    recognised: bool = True,
    probes: ProbeState = ProbeState.INJECTED,
    findings: tuple[Finding, ...] = (),
    **health: Any,
) -> Report:
    check = {
        "profile": "triton",
        "container": "triton",
        "port": 8000,
        "podSelector": {"matchLabels": {"app": name}},
        "interval": "10s",
        "timeout": "5s",
        "failureThreshold": 3,
        "successThreshold": 1,
        "startupBudget": "10m",
    }
    counts = counts or {"ready": 1}
    found = Health(
        observed_generation=1,
        checked_by="checker-a",
        counts=VerdictCounts(total=sum(counts.values()), **counts),
        **({"verdict": "Ready"} | health),
    )
    return Report.model_validate(
        {
            "metadata": {"name": f"deployment-{name}", "namespace": "ml", "generation": generation},
            "spec": {
                "policy": "p",
                "workload": {"kind": "Deployment", "name": name, "uid": name},
                "check": check if recognised else None,
            },
            "status": {
                "desiredPods": desired,
                "health": found.manifest(),
                "probes": {"state": probes},
                "findings": [f.manifest() for f in findings],
            },
        }
    )


def status(*reports: Report, mode: str = "Apply", **more: Any) -> PolicyStatus:
    given: dict[str, Any] = {"lost": (), "silence_of": heard(0), "now": NOW} | more
    return policy_status(policy(mode), reports, **given)


def condition(found: PolicyStatus, type_: str) -> Condition:
    return next(c for c in found.conditions if c.type == type_)


def short(found: PolicyStatus, type_: str) -> tuple[str, str]:
    c = condition(found, type_)
    return c.status.value, c.reason


def test_a_fleet_that_serves_is_ready_and_settled() -> None:
    found = status(report("a"), report("b", counts={"ready": 2}, desired=2))
    assert short(found, "Ready") == ("True", "Serving")
    assert short(found, "Reconciling") == ("False", "Settled")
    assert short(found, "Stalled") == ("False", "None")
    assert short(found, "ProbesInjected") == ("True", "InPlace")
    assert (found.summary.pods, found.summary.workloads, found.summary.verdict) == (
        "3/3",
        2,
        "Ready",
    )
    assert found.observed_generation == 3


def test_until_api_servers_know_what_newcomers_get_the_policy_is_under_way() -> None:
    said = {c.type: c for c in status(mode="Initial", learning=True).conditions}
    moving = said["Reconciling"]
    assert (moving.status, "new workloads" in moving.message) == ("True", True)
    assert said["Ready"].reason == "NoWorkloads"
    settled = {c.type: c for c in status(mode="Initial").conditions}["Reconciling"]
    assert settled.status == "False"


def test_a_broken_pod_makes_the_policy_not_ready_and_names_the_cause() -> None:
    broken = report(
        counts={"ready": 1, "broken": 1},
        desired=2,
        verdict="Broken",
        reason="ModelLoadFailed",
        message="model big: RuntimeError: CUDA OOM",
        pods=(
            PodHealth(
                name="triton-1", verdict="Broken", reason="ModelLoadFailed", message="CUDA OOM"
            ),
            PodHealth(name="triton-2", verdict="Ready"),
        ),
    )
    found = status(broken, report("fine"))
    assert short(found, "Ready") == ("False", "ModelLoadFailed")
    assert "CUDA OOM" in condition(found, "Ready").message
    assert [(c.workload, c.pod, c.verdict) for c in found.worst] == [
        ("deployment/triton", "triton-1", "Broken")
    ]
    assert found.summary.verdict == "Broken"


@pytest.mark.parametrize("reason", ["<script>", "two words", "1st", "Trailing-", "Newline\n", "é"])
def test_a_reason_that_is_no_word_breaks_nobodys_status(reason: str) -> None:
    found = status(report(counts={"broken": 1}, verdict="Broken", reason=reason))
    assert short(found, "Ready") == ("False", "Other")


FALSE_POSITIVE = Finding(
    id="KubeletReadyButBroken", severity="warning", message="The kubelet calls 1 of 3 pods ready"
)


def test_what_the_checks_found_about_a_workload_stands_beside_its_pods() -> None:
    """Told apart from the findings of the plan: Health's, not the report's own."""
    before = report(counts={"ready": 3}, desired=3)
    assert before.status.health is not None
    health = before.status.health.model_copy(update={"findings": (FALSE_POSITIVE,)})
    told = before.model_copy(update={"status": before.status.model_copy(update={"health": health})})
    (case,) = status(told).worst
    assert (case.pod, case.reason) == ("", FALSE_POSITIVE.id)
    assert case.message == FALSE_POSITIVE.message
    assert status(told, silence_of=heard(3600)).worst[0].reason == "CheckerGone"


def test_a_verdict_of_a_checker_that_is_gone_is_unknown_and_says_who_stopped() -> None:
    found = status(report(), silence_of=heard(42))
    assert short(found, "Ready") == ("Unknown", "CheckerGone")
    assert f"checker-a gave no sign of life since {NOW}" in condition(found, "Ready").message
    assert found.pods == VerdictCounts(total=1, unknown=1)


def test_a_checker_that_is_only_late_keeps_its_verdicts() -> None:
    found = status(report(), silence_of=heard(29))
    assert short(found, "Ready") == ("True", "Serving")


def test_a_verdict_on_an_older_spec_does_not_count() -> None:
    found = status(report(generation=2))
    assert short(found, "Ready") == ("Unknown", "Rechecking")
    assert short(found, "Reconciling") == ("True", "InProgress")


def test_a_loading_pod_is_progress_and_no_failure_to_act_on() -> None:
    found = status(report(counts={"loading": 1}, verdict="Loading", reason="ModelLoading"))
    assert short(found, "Ready") == ("False", "ModelLoading")
    assert short(found, "Reconciling") == ("True", "InProgress")
    assert short(found, "Stalled") == ("False", "None")


def test_a_surge_pod_that_loads_does_not_make_a_serving_workload_unready() -> None:
    found = status(report(counts={"ready": 2, "loading": 1}, desired=2, verdict="Loading"))
    assert short(found, "Ready") == ("True", "Serving")
    assert short(found, "Reconciling") == ("True", "InProgress")


def test_a_workload_without_the_pods_it_wants_is_not_ready() -> None:
    found = status(report(counts={"ready": 0}, desired=2, verdict="Unknown", reason="NoPods"))
    assert condition(found, "Ready").status != "True"


def test_a_workload_scaled_to_zero_does_not_hold_up_the_others() -> None:
    idle = report("idle", counts={"ready": 0}, desired=0, verdict="Unknown", reason="NoPods")
    assert short(status(idle, report("b")), "Ready") == ("True", "Serving")
    assert short(status(idle), "Ready") == ("Unknown", "NoPods")


def test_a_policy_that_selects_nothing_says_so() -> None:
    found = status()
    assert short(found, "Ready") == ("Unknown", "NoWorkloads")
    assert "matches no workload" in condition(found, "Ready").message
    assert short(found, "Stalled") == ("False", "None")


def test_a_kind_that_is_not_seen_is_named_where_nothing_is_selected() -> None:
    why = "this cluster has no kind LeaderWorkerSet"
    assert condition(status(unseen=[why]), "Ready").message.startswith(why)
    assert why not in condition(status(report(), unseen=[why]), "Ready").message


def test_a_younger_policy_names_the_older_one_that_holds_the_workload() -> None:
    found = status(lost=(LostClaim("deployment/triton", "older"),))
    assert short(found, "Ready") == ("False", "WorkloadClaimed")
    assert short(found, "Stalled") == ("True", "WorkloadClaimed")
    assert "deployment/triton by 'older'" in condition(found, "Stalled").message


def test_an_error_finding_stalls_the_policy_with_its_remedy() -> None:
    finding = Finding(
        id="PortNotFound", severity="error", message="No port htpp.", remedy="Use http."
    )
    found = status(report(recognised=False, findings=(finding,)))
    assert short(found, "Stalled") == ("True", "PortNotFound")
    assert condition(found, "Stalled").message == "deployment/triton: No port htpp. Use http."
    assert condition(found, "Ready").status != "True"


@pytest.mark.parametrize(
    ("mode", "state", "expected"),
    [
        ("Off", ProbeState.OFF, ("False", "Off")),
        ("Recommend", ProbeState.RECOMMENDED, ("False", "RecommendOnly")),
        ("Apply", ProbeState.PENDING, ("False", "Pending")),
        ("Apply", ProbeState.CONFLICTED, ("False", "Conflicted")),
        ("Apply", ProbeState.KEPT, ("True", "InPlace")),
    ],
)
def test_probes_injected_tells_where_the_probes_stand(
    mode: str, state: ProbeState, expected: tuple[str, str]
) -> None:
    found = status(report(probes=state), mode=mode)
    assert short(found, "ProbesInjected") == expected
    assert (condition(found, "ProbesConflicted").status == "True") == (state == "Conflicted")


def test_an_unchanged_condition_keeps_its_date() -> None:
    before = status(report())
    after = policy_status(
        policy(status=before), [report()], lost=(), silence_of=heard(0), now="2026-02-02T00:00:00Z"
    )
    assert after == before


def test_models_are_rolled_up_over_workloads_worst_first() -> None:
    a = report("a", models=(ItemHealth(name="m", ready=1, total=1),))
    b = report(
        "b",
        models=(
            ItemHealth(name="m", ready=0, total=1, reason="ModelLoading"),
            ItemHealth(name="aa", ready=1, total=1),
        ),
    )
    found = status(a, b)
    assert [(m.name, m.ready, m.total, m.reason) for m in found.models] == [
        ("m", 1, 2, "ModelLoading"),
        ("aa", 1, 1, ""),
    ]
    assert found.summary.models == "1/2"


@pytest.mark.parametrize(
    ("ready", "total", "desired", "told"),
    [
        (2, 3, 2, "1/1"),  # one more than wanted, still loading: nothing is missing
        (1, 2, 2, "0/1"),
        (1, 1, 2, "1/1"),  # the other pod does not exist yet: the pods' column tells
        (0, 1, 0, "0/1"),
        (0, 0, 1, "0/1"),
    ],
)
def test_a_model_counts_when_as_many_pods_serve_it_as_are_wanted(
    ready: int, total: int, desired: int, told: str
) -> None:
    model = ItemHealth(name="m", ready=ready, total=total)
    found = status(report(desired=desired, models=(model,)))
    assert found.summary.models == told


def test_a_model_is_missed_where_one_of_its_workloads_has_too_few() -> None:
    enough = report("a", desired=1, models=(ItemHealth(name="m", ready=2, total=2),))
    too_few = report("b", desired=2, models=(ItemHealth(name="m", ready=1, total=2),))
    assert status(enough, too_few).summary.models == "0/1"


def test_the_status_is_bounded_whatever_the_fleet() -> None:
    pods = tuple(
        PodHealth(name=f"p{i}", verdict="Broken", reason="X", message="x" * 100) for i in range(200)
    )
    reports = [
        report(
            f"w{i}", counts={"broken": 200}, desired=200, verdict="Broken", reason="X", pods=pods
        )
        for i in range(50)
    ]
    found = status(*reports)
    assert len(found.worst) == 20
    assert found.pods.broken == 10_000
    assert len(found.model_dump_json()) < 20_000


def test_a_spec_that_cannot_be_read_stalls_with_the_reason() -> None:
    found = invalid_status(4, "spec.server.profile: unknown", PolicyStatus(), NOW)
    assert short(found, "Stalled") == ("True", "InvalidSpec")
    assert found.observed_generation == 4


def test_a_halted_rollout_stalls_the_policy_until_somebody_changes_something() -> None:
    halted = report("big", probes=ProbeState.HALTED)
    waiting = report("small", probes=ProbeState.PENDING)
    found = status(waiting, halted)
    assert short(found, "ProbesInjected") == ("False", "RolloutHalted")
    assert condition(found, "ProbesInjected").message.startswith("deployment/big")
    assert short(found, "Stalled") == ("True", "RolloutHalted")
    assert "change the policy or that workload" in condition(found, "Stalled").message


def test_a_rollout_of_ours_that_is_under_way_is_told_as_reconciling() -> None:
    rolling = report()
    record = {"state": "Rolling", "since": NOW, "subject": "s"}
    probes = rolling.status.probes.model_copy(
        update={"rollout": RolloutReport.model_validate(record)}
    )
    moving = rolling.model_copy(
        update={"status": rolling.status.model_copy(update={"probes": probes})}
    )
    found = status(moving)
    assert short(found, "Reconciling") == ("True", "InProgress")
    assert "pods are being replaced" in condition(found, "Reconciling").message
