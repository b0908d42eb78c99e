"""Plans as MutatingAdmissionPolicies: what the API server does by itself, from 1.36 on. Pure.

One policy of ours becomes, for each kind of workload, one admission policy for workloads that are
not there yet, where the policy alone decides their probes (`shapes`), and one or more for those
that are there, which hold their plans (`facts` say for how long). What they do is in `mutations`.

Of a LeaderWorkerSet it is not the object but the pods that lead its groups which get their probes,
as they are made: nothing that anybody manages is changed (docs/decisions/0024).
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

from inferencehealth.admission.cel import selected, text, texts, texts_by_name
from inferencehealth.admission.facts import SAME, Facts
from inferencehealth.admission.mutations import Rule, listed, of_pod, patch
from inferencehealth.api.names import FIELD_MANAGER, NAMESPACE_LABEL, POLICY_LABEL
from inferencehealth.api.policy import Policy
from inferencehealth.api.target import Selector
from inferencehealth.groups import LEADER, LEADER_WORKER_SET, SET_NAME, WORKER_INDEX

T = TypeVar("T")
FailurePolicy = Literal["Ignore", "Fail"]

MAX_NAME: Final = 253
"""Longest name of an object (DNS subdomain)."""
MAX_LABEL: Final = 63
DIGEST: Final = 10
"""Hexadecimal digits that keep a shortened name unique."""
NEW: Final = "new"
"""Part of the name of those for workloads that are not there yet; others have a number."""
CHUNK: Final = 40_000
"""Characters of facts in one admission policy: the CEL parser takes 100,000 in one expression."""

ROLLS: Final = "request.operation == 'CREATE' || object.spec.template != oldObject.spec.template"
"""Pods are made anyway: a new workload, or another pod template. Scaling is neither."""
NOT_OURS: Final = f"request.?options.?fieldManager.orValue('') != {text(FIELD_MANAGER)}"
"""What the controller writes itself, as when it puts an author's probes back, has to stay."""
UNOWNED: Final = (
    "!object.metadata.?ownerReferences.orValue([]).exists(o, o.?controller.orValue(false))"
)
"""Another controller that makes the workload would take our probes away again."""
LED: Final = (
    "object.metadata.?ownerReferences.orValue([]).exists(o, o.?controller.orValue(false) && "
    f"o.kind == 'StatefulSet' && o.name == object.metadata.labels[{text(SET_NAME)}])"
)
"""A pod is the leader that it calls itself: the StatefulSet of its set makes it."""
PODS_MADE: Final = {
    "apiGroups": [""],
    "apiVersions": ["v1"],
    "resources": ["pods"],
    "scope": "Namespaced",
}


@dataclass(frozen=True, slots=True)
class Known:
    """A workload that is there, the rule for it, and what that holds on to."""

    kind: str
    name: str
    rule: Rule
    facts: Facts


@dataclass(frozen=True, slots=True)
class Branch:
    """A rule, and whether a container `c` of the object is the one that it is for, in CEL."""

    rule: Rule
    found: str


@dataclass(frozen=True, slots=True)
class Unborn:
    """Workloads of a kind that are not there yet, how they must look, and what joins then."""

    kind: str
    conditions: tuple[str, ...]
    branches: tuple[Branch, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """One MutatingAdmissionPolicy; its binding has the same name."""

    name: str
    labels: Mapping[str, str]
    spec: Mapping[str, Any]
    newcomers: bool
    """Whether it is for workloads that are not there yet."""

    @property
    def binding(self) -> dict[str, Any]:
        """The spec of its binding, which says no more than the policy itself."""
        return {"policyName": self.name}


def documents(
    policy: Policy,
    known: Iterable[Known],
    unborn: Iterable[Unborn],
    *,
    elder: Iterable[Selector] = (),
    failure: FailurePolicy = "Ignore",
) -> tuple[Document, ...]:
    """All admission policies of one policy of ours, by name.

    `elder` are the selectors of older policies of the namespace, which claim what they select.
    """
    conditions = [f"!({selected(selector, 'object.metadata.?labels')})" for selector in elder]
    made = [_for_unborn(policy, each, conditions, failure) for each in unborn]
    chunks = [chunk for members in _grouped(known) for chunk in _chunks(members, _length)]
    made += [
        _for_leaders(policy, number, chunk, failure)
        if chunk[0].kind == LEADER_WORKER_SET
        else _for_known(policy, number, chunk, conditions, failure)
        for number, chunk in enumerate(chunks)
    ]
    return tuple(sorted(made, key=lambda document: document.name))


def labels_of(namespace: str, policy: str) -> dict[str, str]:
    """The labels by which our admission policies are found again."""
    return {NAMESPACE_LABEL: namespace, POLICY_LABEL: _shortened(policy, MAX_LABEL)}


def _for_unborn(
    policy: Policy, unborn: Unborn, conditions: list[str], failure: FailurePolicy
) -> Document:
    return _document(
        policy,
        unborn.kind,
        NEW,
        operations=["CREATE"],
        conditions=[*conditions, *unborn.conditions],
        variables={},
        branches=unborn.branches,
        failure=failure,
    )


def _for_known(
    policy: Policy,
    number: int,
    members: list[Known],
    conditions: list[str],
    failure: FailurePolicy,
) -> Document:
    kind, rule = members[0].kind, members[0].rule
    names = sorted(each.name for each in members)
    table = {"known": _table(members), "facts": "variables.known[object.metadata.name]"}
    found = f"c.name == {text(rule.container)} && [variables.facts].all(f, {SAME})"
    return _document(
        policy,
        kind,
        str(number),
        operations=["CREATE", "UPDATE"],
        conditions=[f"object.metadata.?name.orValue('') in {texts(names)}", *conditions],
        variables=table,
        branches=(Branch(rule, found),),
        failure=failure,
    )


def _for_leaders(
    policy: Policy, number: int, members: list[Known], failure: FailurePolicy
) -> Document:
    """For the pods that lead the groups of those sets; whose the sets are is decided already."""
    kind, rule = members[0].kind, members[0].rule
    names = sorted(each.name for each in members)
    found = f"c.name == {text(rule.container)} && [variables.facts].all(f, {SAME})"
    variables = {
        "known": _table(members),
        "facts": f"variables.known[object.metadata.labels[{text(SET_NAME)}]]",
        "here0": f"{listed(rule)}.map(c, {found})",
    }
    leaders = {
        "matchLabels": {WORKER_INDEX: LEADER},
        "matchExpressions": [{"key": SET_NAME, "operator": "In", "values": names}],
    }
    return _made(
        policy,
        kind,
        str(number),
        failure=failure,
        selector=leaders,
        resources={**PODS_MADE, "operations": ["CREATE"]},
        conditions=[LED],
        variables={name: of_pod(each) for name, each in variables.items()},
        patches=[of_pod(patch(rule, "variables.here0"))],
    )


def _document(
    policy: Policy,
    kind: str,
    part: str,
    *,
    operations: list[str],
    conditions: Iterable[str],
    variables: Mapping[str, str],
    branches: Sequence[Branch],
    failure: FailurePolicy,
) -> Document:
    here = {
        f"here{n}": f"{listed(each.rule)}.map(c, {each.found})" for n, each in enumerate(branches)
    }
    return _made(
        policy,
        kind,
        part,
        failure=failure,
        selector={k: v for k, v in policy.spec.target.selector.manifest().items() if v},
        resources={
            "apiGroups": ["apps"],
            "apiVersions": ["v1"],
            "operations": operations,
            "resources": [f"{kind.lower()}s"],
            "scope": "Namespaced",
        },
        conditions=[ROLLS, NOT_OURS, UNOWNED, *conditions],
        variables={**variables, **here},
        patches=[patch(each.rule, f"variables.here{n}") for n, each in enumerate(branches)],
    )


def _made(
    policy: Policy,
    kind: str,
    part: str,
    *,
    failure: FailurePolicy,
    selector: Mapping[str, Any],
    resources: Mapping[str, Any],
    conditions: Iterable[str],
    variables: Mapping[str, str],
    patches: Sequence[str],
) -> Document:
    meta = policy.metadata
    spec = {
        "failurePolicy": failure,
        # Whoever changes the template after us brings us back; a second look adds nothing.
        "reinvocationPolicy": "IfNeeded",
        "matchConstraints": {
            "matchPolicy": "Equivalent",
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": meta.namespace}},
            "objectSelector": selector,
            "resourceRules": [resources],
        },
        "matchConditions": [
            {"name": f"condition-{number}", "expression": each}
            for number, each in enumerate(conditions)
        ],
        "variables": [
            {"name": name, "expression": expression} for name, expression in variables.items()
        ],
        "mutations": [
            {"patchType": "JSONPatch", "jsonPatch": {"expression": " + ".join(chunk)}}
            for chunk in _chunks(patches, len)
        ],
    }
    name = _shortened(f"ihp-{meta.namespace}-{meta.name}-{kind.lower()}-{part}", MAX_NAME)
    return Document(name, labels_of(meta.namespace, meta.name), spec, newcomers=part == NEW)


def _grouped(known: Iterable[Known]) -> Iterable[list[Known]]:
    """Those of one kind that share a rule, in an order that newcomers rarely change."""
    groups: dict[str, list[Known]] = {}
    for each in sorted(known, key=lambda one: (one.kind, one.name)):
        groups.setdefault(f"{each.kind} {each.rule}", []).append(each)
    return groups.values()


def _chunks(members: Iterable[T], length_of: Callable[[T], int]) -> Iterable[list[T]]:
    chunk: list[T] = []
    size = 0
    for each in members:
        length = length_of(each)
        if chunk and size + length > CHUNK:
            yield chunk
            chunk, size = [], 0
        chunk.append(each)
        size += length
    yield chunk


def _length(member: Known) -> int:
    return len(_table([member]))


def _table(members: Iterable[Known]) -> str:
    entries = (f"{text(m.name)}: {texts_by_name(m.facts.as_texts())}" for m in members)
    return "{" + ", ".join(entries) + "}"


def _shortened(name: str, limit: int) -> str:
    if len(name) <= limit:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:DIGEST]
    return f"{name[: limit - DIGEST - 1].rstrip('-.')}-{digest}"
