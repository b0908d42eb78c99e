"""An audit log against the rights: what is never used, refused, or let through without us."""

import json
from typing import Any

import pytest

from inferencehealth.installation.access import RIGHTS, Program, Right, Where
from inferencehealth.installation.audit import compare

SYSTEM = "inferencehealth-system"


def line(
    verb: str = "list",
    resource: str = "pods",
    *,
    program: str = "checker",
    group: str = "",
    subresource: str = "",
    namespace: str = "ml",
    name: str = "",
    code: int = 200,
    decision: str = "allow",
    message: str = "",
    account: str = "",
    stage: str = "ResponseComplete",
) -> str:
    user = account or f"system:serviceaccount:{SYSTEM}:inferencehealth-{program}"
    event: dict[str, Any] = {
        "stage": stage,
        "verb": verb,
        "user": {"username": user},
        "objectRef": {
            "resource": resource,
            "subresource": subresource,
            "apiGroup": group,
            "namespace": namespace,
            "name": name,
        },
        "responseStatus": {"code": code, "message": message},
        "annotations": {"authorization.k8s.io/decision": decision},
    }
    return json.dumps(event)


def of(right: Right, verb: str, program: Program) -> str:
    return line(
        verb,
        right.resource.plural,
        program=program.value,
        group=right.resource.group,
        subresource=right.subresource,
        namespace=SYSTEM if right.where is Where.SYSTEM else "ml",
        name=right.names[0] if right.names else "some",
    )


def everything(program: Program) -> list[str]:
    return [of(right, verb, program) for right in RIGHTS[program] for verb in right.verbs]


@pytest.mark.parametrize("program", Program)
def test_a_log_with_every_right_in_it_shows_nothing(program: Program) -> None:
    found = compare(everything(program), system_namespace=SYSTEM, programs=[program])
    assert (found.unused, found.refused, found.beyond) == ((), (), ())


@pytest.mark.parametrize("program", Program)
def test_each_verb_that_is_missing_from_the_log_is_unused(program: Program) -> None:
    whole = everything(program)
    for index in range(len(whole)):
        rest = [*whole[:index], *whole[index + 1 :]]
        found = compare(rest, system_namespace=SYSTEM, programs=[program])
        assert len(found.unused) == 1, whole[index]


def test_an_empty_log_uses_nothing() -> None:
    found = compare([], system_namespace=SYSTEM, programs=[Program.CHECKER])
    assert "checker: patch pods/status" in found.unused


def test_a_refused_request_is_told_and_counted() -> None:
    lines = [line("get", "secrets", decision="forbid", code=403)] * 3
    found = compare(lines, system_namespace=SYSTEM, programs=[Program.CHECKER])
    assert found.refused == ("checker: get secrets in namespace ml: no right (3 times)",)


def test_a_refusal_of_the_restraint_is_told() -> None:
    message = (
        "pods \"x\" is forbidden: ValidatingAdmissionPolicy 'inferencehealth-pods' with binding "
        "'inferencehealth-pods' denied request: all metadata stay"
    )
    lines = [line("patch", subresource="status", code=422, message=message)]
    found = compare(lines, system_namespace=SYSTEM, programs=[Program.CHECKER])
    assert "all metadata stay" in found.refused[0]


def test_a_refused_request_uses_no_right() -> None:
    lines = [line("list", "pods", decision="forbid")]
    found = compare(lines, system_namespace=SYSTEM, programs=[Program.CHECKER])
    assert "checker: list pods" in found.unused


def test_what_is_refused_for_other_reasons_is_no_lack_of_a_right() -> None:
    lines = [line("patch", subresource="status", code=404, message="not found")]
    found = compare(lines, system_namespace=SYSTEM, programs=[Program.CHECKER])
    assert found.refused == ()


def test_an_apply_that_makes_its_object_needs_the_right_to_create() -> None:
    applied = line("patch", "leases", group="coordination.k8s.io", namespace=SYSTEM, code=201)
    found = compare([applied], system_namespace=SYSTEM, programs=[Program.CHECKER])
    kind = "leases.coordination.k8s.io"
    assert {f"checker: create {kind}", f"checker: patch {kind}"}.isdisjoint(found.unused)


def test_what_nobody_of_us_granted_and_is_let_through_is_told() -> None:
    lines = [line("get", "secrets", namespace="ml", name="other")]
    found = compare(lines, system_namespace=SYSTEM, programs=[Program.WEBHOOK, Program.CHECKER])
    assert found.beyond == ("checker: get secrets in namespace ml (1 times)",)


def test_a_right_in_our_own_namespace_covers_no_other() -> None:
    lines = [line("list", "leases", group="coordination.k8s.io", namespace="ml")]
    found = compare(lines, system_namespace=SYSTEM, programs=[Program.CHECKER])
    assert found.beyond == ("checker: list leases.coordination.k8s.io in namespace ml (1 times)",)


@pytest.mark.parametrize(
    "other",
    [
        "system:serviceaccount:other:inferencehealth-checker",
        "system:serviceaccount:inferencehealth-system:default",
        "admin",
    ],
)
def test_what_others_do_counts_for_nothing(other: str) -> None:
    lines = [line("list", "pods", account=other), line("get", "secrets", account=other)]
    found = compare(lines, system_namespace=SYSTEM, programs=[Program.CHECKER])
    assert "checker: list pods" in found.unused
    assert found.beyond == ()


def test_what_is_known_and_tolerated_is_left_out() -> None:
    lines = [line("list", "nodes", namespace="", decision="forbid")]
    found = compare(
        lines,
        system_namespace=SYSTEM,
        programs=[Program.CHECKER],
        tolerated=["checker: list nodes"],
    )
    assert found.refused == ()
    assert "checker: list nodes" not in found.unused


def test_half_a_line_and_requests_still_under_way_are_skipped() -> None:
    lines = ['{"stage": "Respon', line("list", "pods", stage="RequestReceived")]
    found = compare(lines, system_namespace=SYSTEM, programs=[Program.CHECKER])
    assert "checker: list pods" in found.unused


def test_rights_for_mode_initial_count_only_where_they_are_installed() -> None:
    without = compare([], system_namespace=SYSTEM, programs=[Program.CONTROLLER])
    installed = compare(
        [], system_namespace=SYSTEM, programs=[Program.CONTROLLER], initial_mode=True
    )
    kind = "mutatingadmissionpolicies.admissionregistration.k8s.io"
    assert f"controller: create {kind}" not in without.unused
    assert f"controller: create {kind}" in installed.unused
