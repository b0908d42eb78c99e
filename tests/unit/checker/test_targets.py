"""Reports and pods joined: the pairs are always those that a full comparison would give."""

from hypothesis import given
from hypothesis import strategies as st

from inferencehealth.api.target import Operator, Requirement, Selector
from inferencehealth.checker.targets import Delta, Targets
from inferencehealth.kube.selectors import matches
from inferencehealth.kube.store import Key

A: Key = ("ml", "a")
B: Key = ("ml", "b")
POD: Key = ("ml", "pod-0")


def selecting(**labels: str) -> Selector:
    return Selector(match_labels=labels)


def test_a_pod_joins_the_report_that_selects_it_whichever_comes_first() -> None:
    first, second = Targets(), Targets()
    assert first.set_report(A, selecting(app="x")) == Delta()
    assert first.set_pod(POD, {"app": "x", "more": "y"}) == Delta(joined=((A, POD),))
    assert second.set_pod(POD, {"app": "x", "more": "y"}) == Delta()
    assert second.set_report(A, selecting(app="x")) == Delta(joined=((A, POD),))


def test_another_namespace_is_never_selected() -> None:
    targets = Targets()
    targets.set_report(A, selecting(app="x"))
    assert targets.set_pod(("elsewhere", "pod-0"), {"app": "x"}) == Delta()


def test_a_pod_leaves_with_its_labels_its_report_or_itself() -> None:
    targets = Targets()
    targets.set_report(A, selecting(app="x"))
    left = Delta(left=((A, POD),))
    targets.set_pod(POD, {"app": "x"})
    assert targets.set_pod(POD, {"app": "y"}) == left
    targets.set_pod(POD, {"app": "x"})
    assert targets.set_pod(POD, None) == left
    targets.set_pod(POD, {"app": "x"})
    assert targets.set_report(A, None) == left
    assert targets.reports_of(POD) == frozenset()


def test_a_change_that_selects_the_same_pods_changes_nothing() -> None:
    targets = Targets()
    targets.set_report(A, selecting(app="x"))
    targets.set_pod(POD, {"app": "x", "tier": "t"})
    assert targets.set_pod(POD, {"app": "x", "tier": "u"}) == Delta()
    assert targets.set_report(A, selecting(tier="u")) == Delta()
    assert list(targets.pods_of(A)) == [POD]


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
STEPS = st.one_of(
    st.tuples(
        st.just("report"), NAMESPACES, st.sampled_from(["a", "b", "c"]), st.none() | SELECTORS
    ),
    st.tuples(st.just("pod"), NAMESPACES, st.sampled_from(["p", "q", "r"]), st.none() | LABELS),
)


@given(steps=st.lists(STEPS, max_size=30))
def test_the_pairs_are_those_of_a_full_comparison(
    steps: list[tuple[str, str, str, Selector | dict[str, str] | None]],
) -> None:
    targets = Targets()
    reports: dict[Key, Selector] = {}
    pods: dict[Key, dict[str, str]] = {}
    pairs: set[tuple[Key, Key]] = set()
    for _, namespace, name, value in steps:
        key = (namespace, name)
        if isinstance(value, Selector) or (value is None and name in "abc"):
            delta = targets.set_report(key, value)
            reports.pop(key, None)
            if value is not None:
                reports[key] = value
        else:
            delta = targets.set_pod(key, value)
            pods.pop(key, None)
            if value is not None:
                pods[key] = value
        assert pairs.isdisjoint(delta.joined)
        assert pairs.issuperset(delta.left)
        pairs = (pairs | set(delta.joined)) - set(delta.left)
        assert pairs == {
            (report, pod)
            for report, selector in reports.items()
            for pod, labels in pods.items()
            if report[0] == pod[0] and matches(selector, labels)
        }
    for pod in pods:
        assert targets.reports_of(pod) == {r for r, p in pairs if p == pod}
    for report in reports:
        assert set(targets.pods_of(report)) == {p for r, p in pairs if r == report}
