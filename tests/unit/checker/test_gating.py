"""Which gates are opened, closed and kept: the decision alone."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferencehealth.api.gate import GateLimits
from inferencehealth.checker.gating import (
    CLOSING,
    FAILED_OPEN,
    KEPT,
    NOT_ASKED,
    Decision,
    GatedPod,
    Step,
    decide,
    floor_of,
    gate_in_words,
)
from inferencehealth.checks.verdicts import Verdict
from inferencehealth.kube.pods import GateRecord

NOW = 10_000.0
LIMITS = GateLimits(fail_open_after=60.0, floor=1)
NO_FLOOR = GateLimits(fail_open_after=60.0, floor=0)


def pod(
    name: str = "p",
    verdict: Verdict = Verdict.READY,
    status: str = "True",
    *,
    since: float = NOW - 1,
    served: bool | None = None,
    ready: bool | None = None,
    ready_at: int | None = int(NOW) - 1,
    gate_reason: str = "",
    gate_since: int | None = 5_000,
) -> GatedPod:
    return GatedPod(
        namespace="ml",
        name=name,
        uid=f"uid-{name}",
        verdict=verdict,
        reason="Reason",
        message="why",
        since=since,
        served=status == "True" if served is None else served,
        ready=status == "True" if ready is None else ready,
        gate=GateRecord(status, gate_reason, gate_since if status else None, ready_at),
    )


def changed(decision: Decision) -> dict[str, tuple[Step, bool, str]]:
    return {c.pod.name: (c.step, c.gate.open, c.gate.reason) for c in decision.changes}


@pytest.mark.parametrize(
    ("verdict", "status", "step"),
    [
        (Verdict.READY, "", Step.ADMIT),
        (Verdict.DEGRADED, "", Step.ADMIT),
        (Verdict.READY, "True", None),
        (Verdict.READY, "False", Step.REOPEN),
        (Verdict.BUSY, "", None),
        (Verdict.BUSY, "True", None),
        (Verdict.BUSY, "False", None),
        (Verdict.UNKNOWN, "", None),
        (Verdict.UNKNOWN, "True", None),
        (Verdict.UNKNOWN, "False", None),
        (Verdict.LOADING, "", Step.EXPLAIN),
        (Verdict.LOADING, "True", Step.CLOSE),
        (Verdict.LOADING, "False", None),
        (Verdict.ASLEEP, "True", Step.CLOSE),
        (Verdict.BROKEN, "", Step.EXPLAIN),
        (Verdict.BROKEN, "True", Step.CLOSE),
        (Verdict.BROKEN, "False", None),
    ],
)
def test_a_verdict_opens_or_closes_a_gate_or_leaves_it(
    verdict: Verdict, status: str, step: Step | None
) -> None:
    found = decide([pod(verdict=verdict, status=status, served=True)], NO_FLOOR, NOW)
    assert [change.step for change in found.changes] == ([] if step is None else [step])
    for change in found.changes:
        assert change.gate.open is (step in (Step.ADMIT, Step.REOPEN))


def test_a_closed_gate_says_why_and_since_when() -> None:
    (change,) = decide([pod(verdict=Verdict.BROKEN)], NO_FLOOR, NOW).changes
    assert (change.gate.reason, change.gate.message, change.gate.since) == ("Reason", "why", NOW)


@pytest.mark.parametrize("verdict", [Verdict.UNKNOWN, Verdict.BUSY])
@pytest.mark.parametrize("status", ["", "False"])
def test_a_pod_that_cannot_be_judged_is_let_in_after_the_stated_time(
    verdict: Verdict, status: str
) -> None:
    asked = pod(verdict=verdict, status=status, since=NOW - 5, ready_at=int(NOW) - 20)
    early = decide([asked], NO_FLOOR, NOW)
    assert early == Decision((), NOW - 5 + 60)
    late = decide([asked], NO_FLOOR, NOW + 55)
    assert changed(late)["p"][1:] == (True, FAILED_OPEN)
    assert late.again_at is None


def test_a_pod_whose_own_probes_fail_is_not_let_in_by_time() -> None:
    asked = pod(verdict=Verdict.UNKNOWN, status="", since=0, ready_at=None)
    assert decide([asked], NO_FLOOR, NOW) == Decision()


def test_a_pod_that_is_known_to_fail_is_never_let_in_by_time() -> None:
    asked = pod(verdict=Verdict.BROKEN, status="False", since=0, ready_at=1)
    assert decide([asked], NO_FLOOR, NOW) == Decision()


def test_without_limits_every_gate_opens_at_once() -> None:
    pods = [pod("a", Verdict.BROKEN, "False"), pod("b", Verdict.UNKNOWN, ""), pod("c")]
    found = changed(decide(pods, None, NOW))
    assert {name: said[1:] for name, said in found.items()} == {
        "a": (True, NOT_ASKED),
        "b": (True, NOT_ASKED),
    }


def test_new_pods_come_before_all_others() -> None:
    pods = [
        pod("closing", Verdict.BROKEN),
        pod("explained", Verdict.LOADING, ""),
        pod("back", Verdict.READY, "False", served=True),
        pod("new", Verdict.READY, ""),
    ]
    found = decide(pods, NO_FLOOR, NOW)
    assert [c.pod.name for c in found.changes] == ["new", "back", "closing", "explained"]


@pytest.mark.parametrize(
    ("count", "pods", "floor"),
    [(1, 5, 1), (3, 2, 2), (0, 4, 0), ("50%", 3, 2), ("0%", 3, 0), ("1%", 200, 2), ("100%", 3, 3)],
)
def test_a_floor_is_a_number_or_a_share_rounded_up(count: int | str, pods: int, floor: int) -> None:
    assert floor_of(count, pods) == floor


def test_the_floor_keeps_the_one_that_is_open_longest() -> None:
    pods = [
        pod("young", Verdict.BROKEN, gate_since=9_000),
        pod("old", Verdict.BROKEN, gate_since=1_000),
    ]
    assert changed(decide(pods, LIMITS, NOW)) == {
        "old": (Step.EXPLAIN, True, KEPT),
        "young": (Step.CLOSE, False, "Reason"),
    }


def test_the_floor_keeps_the_least_bad() -> None:
    pods = [
        pod("broken", Verdict.BROKEN, gate_since=1_000),
        pod("loading", Verdict.LOADING, gate_since=9_000),
    ]
    assert changed(decide(pods, LIMITS, NOW))["loading"][1:] == (True, KEPT)


def test_what_the_floor_keeps_is_told_once_and_dated_as_before() -> None:
    (change,) = decide([pod(verdict=Verdict.BROKEN)], LIMITS, NOW).changes
    assert (change.gate.reason, change.gate.since) == (KEPT, 5_000)
    again = pod(verdict=Verdict.BROKEN, gate_reason=KEPT)
    assert decide([again], LIMITS, NOW) == Decision()


def test_a_pod_that_serves_again_is_no_longer_said_to_be_kept() -> None:
    found = decide([pod(gate_reason=KEPT)], LIMITS, NOW)
    assert changed(found) == {"p": (Step.EXPLAIN, True, "Serving")}


def test_a_pod_leaves_only_after_another_is_really_in_traffic() -> None:
    leaving = pod("leaving", Verdict.BROKEN, gate_reason=KEPT)
    coming = pod("coming", Verdict.READY, "False", served=True)
    first = decide([leaving, coming], LIMITS, NOW)
    assert changed(first) == {"coming": (Step.REOPEN, True, "Serving")}
    opened = pod("coming", Verdict.READY, ready=False)
    assert decide([leaving, opened], LIMITS, NOW) == Decision()
    arrived = pod("coming", Verdict.READY)
    second = decide([leaving, arrived], LIMITS, NOW)
    assert changed(second) == {"leaving": (Step.CLOSE, False, "Reason")}


def test_a_pod_that_only_seems_ready_behind_its_closed_gate_makes_nobody_leave() -> None:
    leaving = pod("leaving", Verdict.BROKEN, gate_reason=KEPT)
    coming = pod("coming", Verdict.READY, "False", served=True, ready=True)
    found = decide([leaving, coming], LIMITS, NOW)
    assert changed(found) == {"coming": (Step.REOPEN, True, "Serving")}


def test_the_last_pod_left_is_taken_back_although_it_was_closed() -> None:
    left = pod(verdict=Verdict.BROKEN, status="False", served=True)
    assert changed(decide([left], LIMITS, NOW)) == {"p": (Step.REOPEN, True, KEPT)}


def test_a_pod_that_never_served_is_not_let_in_for_the_floor() -> None:
    fresh = pod(verdict=Verdict.BROKEN, status="", served=False)
    assert changed(decide([fresh], LIMITS, NOW)) == {"p": (Step.EXPLAIN, False, "Reason")}


@pytest.mark.parametrize(
    ("gate", "word"),
    [
        (None, ""),
        (GateRecord(), "Unset"),
        (GateRecord("False", "Loading"), "Closed"),
        (GateRecord("True", "Serving"), "Open"),
        (GateRecord("True", KEPT), "KeptByFloor"),
    ],
)
def test_a_report_tells_of_a_gate_in_one_word(gate: GateRecord | None, word: str) -> None:
    assert gate_in_words(gate) == word


def gated_pods() -> st.SearchStrategy[list[GatedPod]]:
    one: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
        {
            "verdict": st.sampled_from(Verdict),
            "status": st.sampled_from(["", "True", "False"]),
            "since": st.floats(0, NOW),
            "served": st.booleans(),
            "ready": st.booleans(),
            "ready_at": st.none() | st.integers(0, int(NOW)),
            "gate_since": st.integers(0, int(NOW)),
        }
    )
    return st.lists(one, max_size=8).map(
        lambda many: [pod(str(i), **each) for i, each in enumerate(many)]
    )


@given(gated_pods(), st.integers(0, 4) | st.sampled_from(["1%", "50%", "100%"]))
def test_no_change_ever_brings_traffic_below_the_floor(
    pods: list[GatedPod], floor: int | str
) -> None:
    limits = GateLimits(fail_open_after=60.0, floor=floor)
    closed = {c.pod.name for c in decide(pods, limits, NOW).changes if c.step is Step.CLOSE}
    staying = sum(each.in_traffic and each.name not in closed for each in pods)
    in_traffic = sum(each.in_traffic for each in pods)
    assert staying >= min(floor_of(floor, len(pods)), in_traffic)


@given(gated_pods())
def test_only_a_verdict_that_says_so_closes_a_gate(pods: list[GatedPod]) -> None:
    for change in decide(pods, LIMITS, NOW).changes:
        if not change.gate.open:
            assert change.pod.verdict in CLOSING


@given(gated_pods())
def test_what_was_done_is_not_done_again(pods: list[GatedPod]) -> None:
    made = {c.pod.name: c.gate for c in decide(pods, LIMITS, NOW).changes}
    after = [
        pod(
            each.name,
            each.verdict,
            ("True" if made[each.name].open else "False")
            if each.name in made
            else each.gate.status,
            since=each.since,
            served=each.served,
            ready=each.in_traffic,
            ready_at=each.gate.containers_ready_at,
            gate_reason=made[each.name].reason if each.name in made else each.gate.reason,
            gate_since=int(made[each.name].since) if each.name in made else each.gate.since,
        )
        for each in pods
    ]
    assert decide(after, LIMITS, NOW).changes == ()
