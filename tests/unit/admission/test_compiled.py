"""Plans as admission policies: what they say, how large they get, what they are called."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from inferencehealth.admission.cel import everything, literal, selected
from inferencehealth.admission.compiled import (
    CHUNK,
    MAX_NAME,
    Branch,
    Document,
    Known,
    Unborn,
    documents,
    labels_of,
)
from inferencehealth.admission.facts import SHORT, Facts
from inferencehealth.admission.mutations import Joining, Rule
from inferencehealth.api.policy import Policy
from inferencehealth.api.target import Selector
from tests.unit.admission.given import initial

LIVE = {"httpGet": {"path": "/live", "port": 8000}, "periodSeconds": 5}
READY = Joining("readinessProbe", LIVE)
RULE = Rule("containers", "server", (READY,), gate=False)
EXPRESSION_LIMIT = 100_000
"""Characters that the CEL parser takes."""


FORMER = 'has(c.readinessProbe) && dyn(c.readinessProbe) == dyn({"a": dyn(1)})'


def known(name: str, rule: Rule = RULE, kind: str = "Deployment", *, args: str = "") -> Known:
    return Known(kind, name, rule, Facts("image", (), (args,), (), (), (), SHORT))


def expressions(document: Document) -> list[str]:
    spec = document.spec
    found = [each["expression"] for each in (*spec["matchConditions"], *spec["variables"])]
    return [*found, spec["mutations"][0]["jsonPatch"]["expression"]]


def named(policy: Policy, name: str, namespace: str) -> Policy:
    meta = policy.metadata.model_copy(update={"name": name, "namespace": namespace})
    return policy.model_copy(update={"metadata": meta})


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("a", '"a"'),
        ('"\\\n', '"\\"\\\\\\n"'),
        ("😀", '"😀"'),
        (8000, "8000"),
        (-1, "-1"),
        (True, "true"),
        (None, "null"),
        ([1, "a"], '[dyn(1), dyn("a")]'),
        ({"a": {"b": 1}}, '{"a": dyn({"b": dyn(1)})}'),
        ({}, "{}"),
    ],
)
def test_a_value_is_a_literal_whose_parts_may_be_of_any_type(value: Any, said: str) -> None:
    assert literal(value) == said


def test_what_cel_can_not_say_is_refused() -> None:
    with pytest.raises(TypeError, match="float"):
        literal(1.5)


def test_no_demand_is_always_met() -> None:
    assert everything([]) == "true"
    assert everything(["a", "b || c"]) == "(a) && (b || c)"


@pytest.mark.parametrize(
    ("selector", "said"),
    [
        ({"matchLabels": {"a": "b"}}, '(l[?"a"] == optional.of("b"))'),
        (
            {"matchExpressions": [{"key": "a", "operator": "In", "values": ["x"]}]},
            '(l[?"a"].hasValue() && l[?"a"].value() in ["x"])',
        ),
        (
            {"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["x"]}]},
            '(!(l[?"a"].hasValue() && l[?"a"].value() in ["x"]))',
        ),
        ({"matchExpressions": [{"key": "a", "operator": "Exists"}]}, '(l[?"a"].hasValue())'),
        ({"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}, '(!l[?"a"].hasValue())'),
    ],
)
def test_a_selector_can_be_said_in_cel(selector: dict[str, Any], said: str) -> None:
    assert selected(Selector.model_validate(selector), "l") == said


def test_it_is_bound_to_its_namespace_its_labels_and_its_kind() -> None:
    (document,) = documents(initial(), [known("a")], [])
    constraints = document.spec["matchConstraints"]
    assert constraints["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "ml"}
    assert constraints["objectSelector"] == {"matchLabels": {"tier": "inference"}}
    assert constraints["resourceRules"][0]["resources"] == ["deployments"]
    assert document.spec["failurePolicy"] == "Ignore"
    assert document.binding == {"policyName": document.name}
    assert document.labels == labels_of("ml", "policy")


def test_workloads_with_one_rule_share_a_policy_and_others_do_not() -> None:
    other = Rule("initContainers", "server", (READY,), gate=True)
    found = documents(initial(), [known("a"), known("b"), known("c", other)], [])
    assert len(found) == 2
    assert '["a", "b"]' in expressions(found[0])[3]


def test_what_is_long_is_spread_over_several_policies() -> None:
    members = [known(f"w{n}", args="x" * 5_000) for n in range(50)]
    found = documents(initial(), members, [])
    assert len(found) > 1
    assert all(len(one) < EXPRESSION_LIMIT for each in found for one in expressions(each))
    names = [
        name for each in found for name in json.loads(expressions(each)[3].partition(" in ")[2])
    ]
    assert sorted(names) == sorted(each.name for each in members)


def test_one_workload_that_is_longer_than_a_chunk_has_a_policy_of_its_own() -> None:
    found = documents(initial(), [known("a"), known("b", args="x" * CHUNK), known("c")], [])
    assert len(found) == 3


@pytest.mark.parametrize("length", [1, 63, 64, 253])
def test_names_and_labels_fit_however_long_the_policys_name_is(length: int) -> None:
    policy = named(initial(), "p" * length, "n" * 63)
    unborn = Unborn("Deployment", (), (Branch(RULE, "true"),))
    found = documents(policy, [known("a")], [unborn])
    assert len({document.name for document in found}) == 2
    for document in found:
        assert len(document.name) <= MAX_NAME
        assert all(len(value) <= 63 for value in document.labels.values())


def test_two_policies_with_long_names_do_not_share_a_name() -> None:
    def name(end: str) -> Sequence[str]:
        policy = named(initial(), "p" * 250 + end, "ml")
        return [document.name for document in documents(policy, [known("a")], [])]

    assert name("a") != name("b")


def test_the_order_of_the_workloads_makes_no_difference() -> None:
    members = [known("a"), known("b"), known("c", kind="StatefulSet")]
    assert documents(initial(), members, []) == documents(initial(), members[::-1], [])


@pytest.mark.parametrize(
    ("probe", "condition"),
    [
        (READY, "(!has(c.readinessProbe))"),
        (Joining("readinessProbe", LIVE, always=True), "(true)"),
        (
            Joining("readinessProbe", LIVE, former={"a": 1}),
            f"(!has(c.readinessProbe) || ({FORMER}))",
        ),
    ],
    ids=["keep", "replace", "former"],
)
def test_a_probe_gives_way_only_where_it_may(probe: Joining, condition: str) -> None:
    (document,) = documents(initial(), [known("a", Rule("containers", "c", (probe,), False))], [])
    assert f"variables.here0[i] && {condition}, JSONPatch{{op: 'add'" in expressions(document)[-1]


def test_a_probe_that_is_no_longer_wanted_goes_where_it_is_ours() -> None:
    gone = Joining("readinessProbe", None, former={"grpc": {"port": 1}})
    (document,) = documents(initial(), [known("a", Rule("containers", "c", (gone,), False))], [])
    said = expressions(document)[-1]
    assert "JSONPatch{op: 'remove'" in said
    assert "dyn(c.readinessProbe) == dyn(" in said
