"""What joins one container, as a JSON patch in CEL: the middle of an admission policy. Pure.

A probe is set as a whole: merged into what is there, it could end up with two handlers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from inferencehealth.admission.cel import literal, text
from inferencehealth.api.names import READINESS_GATE
from inferencehealth.kubelet import HANDLER_KINDS, handler_kind

TEMPLATE: Final = "object.spec.template.spec"
PATH: Final = "/spec/template/spec"


@dataclass(frozen=True, slots=True)
class Joining:
    """One probe that joins; where `former` stands it gives way, with `always` whatever stands.

    `wanted` None: what stands there as `former` goes. `standing` is ours that stands there now,
    former or not.
    """

    kind: str
    wanted: Mapping[str, Any] | None
    former: Mapping[str, Any] | None = None
    standing: Mapping[str, Any] | None = None
    always: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """What joins in one container, alike for all workloads that the rule is for."""

    field: str
    """containers or initContainers"""
    container: str
    """Its name; empty where `found` alone says which one it is."""
    probes: tuple[Joining, ...]
    gate: bool
    """Whether the readiness gate joins."""


def patch(rule: Rule, here: str) -> str:
    """The operations on the containers for which the list `here` is true, in CEL."""
    parts = [_probe_patch(rule, each, here) for each in rule.probes]
    parts += [_making_way(rule, each) for each in rule.probes if each.standing]
    return " + ".join([*parts, *([_gate_patch(here)] if rule.gate else [])])


def _probe_patch(rule: Rule, probe: Joining, here: str) -> str:
    at = f"'{PATH}/{rule.field}/' + string(i) + '/{probe.kind}'"
    if probe.wanted is None:
        operation = f"JSONPatch{{op: 'remove', path: {at}}}"
        condition = _stands(probe)
    else:
        operation = f"JSONPatch{{op: 'add', path: {at}, value: {literal(probe.wanted)}}}"
        free = f"!has(c.{probe.kind})"
        condition = f"{free} || ({_stands(probe)})" if probe.former else free
        condition = "true" if probe.always else condition
    return f"{listed(rule)}.transformList(i, c, {here}[i] && ({condition}), {operation})"


def _making_way(rule: Rule, probe: Joining) -> str:
    """Our handler goes where an author's of another kind has come: two would be refused.

    Whatever else of the container has changed: nobody misses what could not have stayed.
    """
    standing = probe.standing or {}
    kind = handler_kind(standing)
    others = " || ".join(f"has(c.{probe.kind}.{each})" for each in HANDLER_KINDS if each != kind)
    at = f"'{PATH}/{rule.field}/' + string(i) + '/{probe.kind}/{kind}'"
    return (
        f"{listed(rule)}.transformList(i, c, c.name == {text(rule.container)} && "
        f"has(c.{probe.kind}) && has(c.{probe.kind}.{kind}) && "
        f"dyn(c.{probe.kind}.{kind}) == dyn({literal(standing.get(kind))}) && ({others}), "
        f"JSONPatch{{op: 'remove', path: {at}}})"
    )


def _stands(probe: Joining) -> str:
    return f"has(c.{probe.kind}) && dyn(c.{probe.kind}) == dyn({literal(probe.former or {})})"


def _gate_patch(here: str) -> str:
    entry = literal({"conditionType": READINESS_GATE})
    gates = f"{TEMPLATE}.?readinessGates"
    there = f"{gates}.orValue([]).exists(g, g.conditionType == {text(READINESS_GATE)})"
    append = f"JSONPatch{{op: 'add', path: '{PATH}/readinessGates/-', value: {entry}}}"
    start = f"JSONPatch{{op: 'add', path: '{PATH}/readinessGates', value: [{entry}]}}"
    return (
        f"(!{here}.exists(h, h) || {there} ? [] : "
        f"{gates}.orValue([]).size() > 0 ? [{append}] : [{start}])"
    )


def listed(rule: Rule) -> str:
    """The containers that the rule is about, in CEL."""
    return f"{TEMPLATE}.?{rule.field}.orValue([])"


def of_pod(expression: str) -> str:
    """What is said of a workload's template, said of a pod itself."""
    return expression.replace(TEMPLATE, "object.spec").replace(PATH, "/spec")
