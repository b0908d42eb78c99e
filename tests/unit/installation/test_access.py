"""What our rights contain and what they never may."""

from typing import Any

import pytest

from inferencehealth.installation.access import (
    INITIAL_MODE,
    RIGHTS,
    Program,
    Right,
    cluster_wide,
    initial_mode,
    namespaced,
)

SYSTEM = "inferencehealth-system"

EVERYTHING = [(program, right) for program in Program for right in RIGHTS[program]]


def rules(manifests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [rule for manifest in manifests for rule in manifest.get("rules", ())]


@pytest.mark.parametrize(("program", "right"), EVERYTHING)
def test_every_right_is_spelt_out_and_says_what_needs_it(program: Program, right: Right) -> None:
    assert "*" not in {right.target, right.resource.group, *right.verbs}
    assert right.why.strip(), program
    assert len(set(right.verbs)) == len(right.verbs)


FORBIDDEN_TARGETS = {
    "pods/proxy",
    "pods/exec",
    "pods/attach",
    "pods/portforward",
    "pods/log",
    "pods/ephemeralcontainers",
    "pods/eviction",
    "nodes/proxy",
    "serviceaccounts",
    "serviceaccounts/token",
    "configmaps",
    "users",
    "groups",
    "clusterroles",
    "clusterrolebindings",
    "roles",
    "rolebindings",
}
FORBIDDEN_VERBS = {"escalate", "bind", "impersonate", "deletecollection", "*"}


@pytest.mark.parametrize("program", Program)
def test_no_program_can_widen_its_rights_or_reach_into_pods(program: Program) -> None:
    """CVE-2026-77524 KEDA, CVE-2026-93017 insights, CVE-2025-10725 OpenShift AI."""
    for right in (*RIGHTS[program], *INITIAL_MODE):
        assert right.target not in FORBIDDEN_TARGETS
        assert not FORBIDDEN_VERBS & set(right.verbs)


@pytest.mark.parametrize("program", Program)
def test_secrets_are_never_read_but_by_name_in_our_own_namespace(program: Program) -> None:
    for manifest in cluster_wide(program, system_namespace=SYSTEM):
        for rule in manifest.get("rules", ()):
            if "secrets" not in rule["resources"]:
                continue
            assert manifest["kind"] == "Role"
            assert manifest["metadata"]["namespace"] == SYSTEM
            if set(rule["verbs"]) - {"create"}:
                assert rule["resourceNames"] == ["inferencehealth-webhook-tls"]


def test_the_checker_writes_reports_leases_events_and_the_status_of_pods_alone() -> None:
    written = {
        right.target
        for right in RIGHTS[Program.CHECKER]
        if set(right.verbs) - {"get", "list", "watch"}
    }
    assert written == {"inferencehealthreports/status", "leases", "events", "pods/status"}


def test_nobody_but_the_controller_writes_workloads_and_nobody_makes_any() -> None:
    for program, right in EVERYTHING:
        if right.resource.group == "apps":
            assert program is Program.CONTROLLER
            assert set(right.verbs) <= {"get", "list", "watch", "patch"}


@pytest.mark.parametrize("program", Program)
def test_one_namespace_needs_no_right_on_the_cluster(program: Program) -> None:
    found = namespaced(program, namespace="ml", system_namespace="ml")
    assert {manifest["kind"] for manifest in found} <= {"Role", "RoleBinding"}
    assert {manifest["metadata"]["namespace"] for manifest in found} == {"ml"}
    names = [(manifest["kind"], manifest["metadata"]["name"]) for manifest in found]
    assert len(set(names)) == len(names)


def test_the_narrow_flavour_grants_nothing_that_the_wide_one_does_not() -> None:
    for program in Program:
        wide = rules(cluster_wide(program, system_namespace=SYSTEM))
        for rule in rules(namespaced(program, namespace="ml", system_namespace=SYSTEM)):
            assert rule in wide


def test_admission_policies_are_written_only_with_the_component_for_it() -> None:
    plain = rules(cluster_wide(Program.CONTROLLER, system_namespace=SYSTEM))
    for rule in plain:
        if "mutatingadmissionpolicies" in rule["resources"]:
            assert rule["verbs"] == ["list"]
    role, binding = initial_mode(system_namespace=SYSTEM)
    assert {verb for rule in role["rules"] for verb in rule["verbs"]} >= {"create", "patch"}
    assert binding["subjects"][0]["name"] == "inferencehealth-controller"


@pytest.mark.parametrize("program", Program)
def test_a_binding_is_for_the_programs_own_account(program: Program) -> None:
    for manifest in cluster_wide(program, system_namespace="elsewhere"):
        for subject in manifest.get("subjects", ()):
            assert subject == {
                "kind": "ServiceAccount",
                "name": f"inferencehealth-{program}",
                "namespace": "elsewhere",
            }
