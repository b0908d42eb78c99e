"""When the kubelet and the checks differ for good, and what is said about it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferencehealth.api.report import MAX_HEALTH_FINDINGS, MAX_MESSAGE
from inferencehealth.checker.disagreement import (
    Contradiction,
    Differing,
    Kubelet,
    contradiction,
    findings,
)
from inferencehealth.checks.history import History, PodFacts, Thresholds, begin
from inferencehealth.checks.steps import Reading, Sign
from inferencehealth.checks.verdict import judge
from inferencehealth.checks.verdicts import Verdict

NOW = 1_000_000.0
LONG = NOW - 600
INTERVAL = 10.0
LAG = 30.0
THRESHOLDS = Thresholds(failures=3, successes=1, startup_budget=600.0)
POD = PodFacts(uid="a", ip="10.0.0.1", started_at=LONG)
YES = Kubelet(pod_ready=True, since=LONG, server_ready=True, lag=LAG)
NO = Kubelet(pod_ready=False, since=LONG, server_ready=False, lag=LAG)
OTHERS = Kubelet(pod_ready=False, since=LONG, server_ready=True, lag=LAG)
"""The container is ready, the pod is not: another container, or a readiness gate."""

BROKEN, SERVING = Contradiction.READY_BUT_BROKEN, Contradiction.NOT_READY_BUT_SERVING


def said(verdict: Verdict, since: float = LONG) -> History:
    return History("a", verdict, "r", "m", since, started_at=LONG, began=LONG)


@pytest.mark.parametrize(
    ("why", "verdict", "kubelet", "found"),
    [
        ("the famous false positive", Verdict.BROKEN, YES, BROKEN),
        ("both say it is down", Verdict.BROKEN, NO, None),
        ("a gate took it out of traffic", Verdict.BROKEN, OTHERS, None),
        ("both say it serves", Verdict.READY, YES, None),
        ("a probe that asks in the wrong place", Verdict.READY, NO, SERVING),
        ("degraded serves as well", Verdict.DEGRADED, NO, SERVING),
        ("another container is not ready", Verdict.READY, OTHERS, None),
        ("while it loads they may differ", Verdict.LOADING, YES, None),
        ("busy is not broken", Verdict.BUSY, YES, None),
        ("busy is not serving", Verdict.BUSY, NO, None),
        ("we do not know", Verdict.UNKNOWN, YES, None),
        ("it sleeps", Verdict.ASLEEP, YES, None),
    ],
)
def test_a_lasting_difference_is_a_contradiction(
    why: str, verdict: Verdict, kubelet: Kubelet, found: Contradiction | None
) -> None:
    assert contradiction(said(verdict), POD, kubelet, INTERVAL, NOW) is found, why


@pytest.mark.parametrize(
    ("why", "lasting", "lag", "told"),
    [
        ("long enough", (600, 600, 600), 30, True),
        ("our verdict is new", (29, 600, 600), 30, False),
        ("the kubelet's is", (600, 29, 600), 30, False),
        ("the container is", (600, 600, 29), 30, False),
        ("the probe in place is slow", (100, 100, 600), 120, False),
        ("without a probe two intervals count", (20, 20, 600), 0, True),
        ("but no less", (19, 600, 600), 0, False),
    ],
)
def test_a_lag_is_no_contradiction(
    why: str, lasting: tuple[float, float, float], lag: float, told: bool
) -> None:
    verdict_for, kubelet_for, started_for = lasting
    history = said(Verdict.BROKEN, NOW - verdict_for)
    kubelet = replace(YES, since=NOW - kubelet_for, lag=lag)
    pod = replace(POD, started_at=NOW - started_for)
    assert (contradiction(history, pod, kubelet, INTERVAL, NOW) is BROKEN) is told, why


def restarted(*exits: int, served_before: int = -1, reason: str = "Error") -> History:
    """A pod whose starts end with these exit codes, after one round each."""
    pod, now = POD, LONG
    history = begin(pod, now)
    for turn, code in enumerate(exits):
        sign = Sign.SERVES if turn == served_before else Sign.LOADING
        history = judge(Reading(sign), pod, history, THRESHOLDS, now + 10)
        now += 60
        pod = replace(
            POD, started_at=now, restarts=turn + 1, last_exit=code, last_termination=reason
        )
        history = judge(None, pod, history, THRESHOLDS, now)
    return history


@pytest.mark.parametrize(
    ("why", "history", "told"),
    [
        ("killed twice while it loaded", restarted(137, 143), True),
        ("once is no proof", restarted(137), False),
        ("it crashed by itself", restarted(1, 1, 1), False),
        ("out of memory", restarted(137, 137, reason="OOMKilled"), False),
        ("it had served before the second", restarted(137, 137, served_before=1), False),
        ("a crash in between starts over", restarted(137, 1, 137), False),
    ],
)
def test_a_pod_that_is_killed_while_it_loads(why: str, history: History, told: bool) -> None:
    found = contradiction(history, POD, NO, INTERVAL, NOW)
    assert (found is Contradiction.RESTARTS_WHILE_LOADING) is told, why


def test_a_pod_that_serves_after_all_is_not_restarted_while_loading() -> None:
    history = restarted(137, 137)
    pod = replace(POD, started_at=history.started_at)
    served = judge(Reading(Sign.SERVES), pod, history, THRESHOLDS, NOW)
    assert contradiction(served, pod, NO, INTERVAL, NOW) is None


def test_a_finding_counts_the_pods_and_names_one() -> None:
    differing = [Differing(name, BROKEN, "resnet50 failed to load") for name in ("c", "a", "b")]
    (told,) = findings(differing, 8, "server")
    assert (told.id, told.severity, told.container) == (BROKEN.value, "warning", "server")
    assert told.message == (
        "The kubelet calls 3 of 8 pods ready, so traffic goes there, but the checks see that they "
        "do not serve; for example pod a: resnet50 failed to load"
    )


@given(
    st.lists(
        st.builds(
            Differing, st.text(max_size=253), st.sampled_from(Contradiction), st.text(max_size=2000)
        )
    )
)
def test_findings_are_bounded_and_do_not_depend_on_the_order(pods: list[Differing]) -> None:
    told = findings(pods, len(pods), "server")
    assert {one.id for one in told} == {pod.contradiction.value for pod in pods}
    assert len(told) <= MAX_HEALTH_FINDINGS
    assert all(len(one.message) <= MAX_MESSAGE for one in told)
    ids = [one.id for one in findings(reversed(pods), len(pods), "server")]
    assert ids == [one.id for one in told]
