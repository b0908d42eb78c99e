"""Reports and pods joined: each pod once, with the report that a full comparison would give."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferencehealth.api.report import WorkloadRef
from inferencehealth.api.target import Operator, Requirement, Selector
from inferencehealth.checker.targets import Delta, Targets, runs
from inferencehealth.kube.pods import Controller, PodRecord
from inferencehealth.kube.selectors import matches
from inferencehealth.kube.store import Key

from .values import pod, selecting

A: Key = ("ml", "a")
B: Key = ("ml", "b")
POD: Key = ("ml", "pod-0")


def deployment(name: str) -> WorkloadRef:
    return WorkloadRef(kind="Deployment", name=name, uid=name)


OF_A, OF_B = deployment("a"), deployment("b")


def known(
    namespace: str = "ml", name: str = "pod-0", *, run_by: str = "", **labels: str
) -> PodRecord:
    """A pod with these labels; of that Deployment, if it is named."""
    found = {"pod-template-hash": "5d", **labels} if run_by else labels
    controller = ("ReplicaSet", f"{run_by}-5d") if run_by else None
    return replace(pod(name, controller=controller), namespace=namespace, labels=found)


def test_a_pod_joins_the_report_that_selects_it_whichever_comes_first() -> None:
    first, second = Targets(), Targets()
    both = known(app="x", more="y")
    assert first.set_report(A, selecting(app="x"), OF_A) == Delta()
    assert first.set_pod(POD, both) == Delta(joined=((A, POD),))
    assert second.set_pod(POD, both) == Delta()
    assert second.set_report(A, selecting(app="x"), OF_A) == Delta(joined=((A, POD),))


def test_another_namespace_is_never_selected() -> None:
    targets = Targets()
    targets.set_report(A, selecting(app="x"), OF_A)
    assert targets.set_pod(("elsewhere", "pod-0"), known("elsewhere", app="x")) == Delta()


def test_a_pod_leaves_with_its_labels_its_report_or_itself() -> None:
    targets = Targets()
    targets.set_report(A, selecting(app="x"), OF_A)
    left = Delta(left=((A, POD),))
    targets.set_pod(POD, known(app="x"))
    assert targets.set_pod(POD, known(app="y")) == left
    targets.set_pod(POD, known(app="x"))
    assert targets.set_pod(POD, None) == left
    targets.set_pod(POD, known(app="x"))
    assert targets.set_report(A, None, OF_A) == left
    assert targets.report_of(POD) is None


def test_a_change_that_selects_the_same_pods_changes_nothing() -> None:
    targets = Targets()
    targets.set_report(A, selecting(app="x"), OF_A)
    targets.set_pod(POD, known(app="x", tier="t"))
    last = known(app="x", tier="u")
    assert targets.set_pod(POD, last) == Delta()
    assert targets.set_report(A, selecting(tier="u"), OF_A) == Delta()
    assert list(targets.pods_of(A)) == [last]
    assert targets.pod(POD) is last


def test_a_pod_of_two_reports_is_checked_for_the_workload_that_runs_it() -> None:
    targets = Targets()
    targets.set_report(A, selecting(app="x"), OF_A)
    targets.set_report(B, selecting(app="x"), OF_B)
    assert targets.set_pod(POD, known(app="x", run_by="b")) == Delta(joined=((B, POD),))
    assert (list(targets.pods_of(A)), len(list(targets.pods_of(B)))) == ([], 1)
    assert targets.set_report(B, None, OF_B) == Delta(joined=((A, POD),), left=((B, POD),))


def test_a_pod_of_two_reports_that_nobody_runs_is_checked_for_the_first() -> None:
    targets = Targets()
    targets.set_report(B, selecting(app="x"), OF_B)
    assert targets.set_pod(POD, known(app="x")) == Delta(joined=((B, POD),))
    moved = Delta(joined=((A, POD),), left=((B, POD),))
    assert targets.set_report(A, selecting(app="x"), OF_A) == moved


@pytest.mark.parametrize(
    ("workload", "controller", "labels", "expected"),
    [
        (OF_A, ("ReplicaSet", "a-5d"), {"pod-template-hash": "5d"}, True),
        (OF_A, ("ReplicaSet", "a-b-5d"), {"pod-template-hash": "5d"}, False),
        (OF_A, ("ReplicaSet", "a-5d"), {}, False),
        (OF_A, ("StatefulSet", "a"), {}, False),
        (OF_A, None, {"pod-template-hash": "5d"}, False),
        (WorkloadRef(kind="StatefulSet", name="a", uid="u"), ("StatefulSet", "a"), {}, True),
        (WorkloadRef(kind="StatefulSet", name="a", uid="u"), ("StatefulSet", "b"), {}, False),
    ],
)
def test_who_runs_a_pod_is_told_by_its_controller(
    workload: WorkloadRef, controller: Controller | None, labels: dict[str, str], expected: bool
) -> None:
    assert runs(workload, replace(pod(controller=controller), labels=labels)) is expected


KEYS = st.sampled_from(["app", "tier"])
VALUES = st.sampled_from(["x", "y"])
LABELS = st.dictionaries(KEYS, VALUES, max_size=2)
REQUIREMENTS = st.builds(
    Requirement,
    key=KEYS,
    operator=st.sampled_from([Operator.EXISTS, Operator.DOES_NOT_EXIST]),
)
SELECTORS = st.builds(
    Selector,
    match_labels=LABELS,
    match_expressions=st.lists(REQUIREMENTS, max_size=1).map(tuple),
)
NAMESPACES = st.sampled_from(["ml", "nlp"])
RUNNERS = st.sampled_from(["", "a", "b", "elsewhere"])
STEPS = st.one_of(
    st.tuples(
        st.just("report"), NAMESPACES, st.sampled_from(["a", "b", "c"]), st.none() | SELECTORS
    ),
    st.tuples(
        st.just("pod"),
        NAMESPACES,
        st.sampled_from(["p", "q", "r"]),
        st.none() | st.tuples(LABELS, RUNNERS),
    ),
)


@given(steps=st.lists(STEPS, max_size=30))
def test_the_pairs_are_those_of_a_full_comparison(
    steps: list[tuple[str, str, str, Selector | tuple[dict[str, str], str] | None]],
) -> None:
    targets = Targets()
    reports: dict[Key, Selector] = {}
    pods: dict[Key, PodRecord] = {}
    pairs: set[tuple[Key, Key]] = set()
    for kind, namespace, name, value in steps:
        key = (namespace, name)
        if kind == "report":
            assert not isinstance(value, tuple)
            delta = targets.set_report(key, value, deployment(name))
            reports.pop(key, None)
            if value is not None:
                reports[key] = value
        else:
            assert not isinstance(value, Selector)
            found = known(namespace, name, run_by=value[1], **value[0]) if value else None
            delta = targets.set_pod(key, found)
            pods.pop(key, None)
            if found is not None:
                pods[key] = found
        assert pairs.issuperset(delta.left)
        pairs -= set(delta.left)
        assert pairs.isdisjoint(delta.joined)
        pairs |= set(delta.joined)
        assert pairs == full(reports, pods)
    for pod_key in pods:
        assert targets.report_of(pod_key) == next((r for r, p in pairs if p == pod_key), None)
    for report in reports:
        found_pods = {(p.namespace, p.name) for p in targets.pods_of(report)}
        assert found_pods == {p for r, p in pairs if r == report}


def full(reports: dict[Key, Selector], pods: dict[Key, PodRecord]) -> set[tuple[Key, Key]]:
    """Every pod with the first of its reports, those first whose workload runs it."""
    found = set()
    for key, each in pods.items():
        selecting_it = [
            report
            for report, selector in reports.items()
            if report[0] == key[0] and matches(selector, each.labels)
        ]
        running = [r for r in selecting_it if runs(deployment(r[1]), each)]
        if selecting_it:
            found.add((min(running or selecting_it), key))
    return found
