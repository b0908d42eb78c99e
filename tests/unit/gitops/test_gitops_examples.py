"""The examples for Argo CD and Flux: right in shape, right in names, and the same in the docs."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from inferencehealth.api.durations import parse_duration
from inferencehealth.api.names import API_VERSION, FIELD_MANAGER, POLICY_KIND
from inferencehealth.api.policy import Policy
from inferencehealth.api.target import WorkloadKind
from tests.gitops.states import POLICY_STATES

CHECKOUT = Path(__file__).parents[3]
GITOPS = CHECKOUT / "examples/gitops"
DOCS = (CHECKOUT / "docs/gitops.md").read_text()
FILES = sorted(GITOPS.glob("*/*.yaml"))
LONGEST_LOAD = 600.0
"""Seconds; the largest maxStartup of our examples."""


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((GITOPS / name).read_text()))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_docs_show_the_file_as_it_is(path: Path) -> None:
    assert f"```yaml\n{path.read_text()}```\n" in DOCS
    assert f"](../{path.relative_to(CHECKOUT)})" in DOCS


def test_the_docs_say_of_every_state_what_the_tools_say() -> None:
    rows = re.findall(r"^\| ([^|]+?) \| (\w+) \| (\w+) \|$", DOCS, re.MULTILINE)
    assert rows == [(state.name, state.argo, state.flux) for state in POLICY_STATES]


def test_argo_cd_is_told_to_leave_alone_what_we_write_and_nothing_else() -> None:
    (application,) = documents("argocd/application.yaml")
    ignored = application["spec"]["ignoreDifferences"]
    assert {each["kind"] for each in ignored} == {*WorkloadKind} - {WorkloadKind.LEADER_WORKER_SET}
    assert all(each["managedFieldsManagers"] == [FIELD_MANAGER] for each in ignored)
    assert all(set(each) == {"group", "kind", "managedFieldsManagers"} for each in ignored)
    assert "RespectIgnoreDifferences=true" in application["spec"]["syncPolicy"]["syncOptions"]


def test_the_policy_in_git_is_one_and_comes_after_its_workloads() -> None:
    (raw,) = documents("argocd/policy.yaml")
    waves = {"argocd.argoproj.io/sync-wave": "1"}
    assert raw["metadata"]["annotations"] == waves
    assert Policy.model_validate(raw).spec.probes.mode.value == "Recommend"


def test_flux_applies_what_mode_initial_injects_into_only_when_a_policy_was_answered() -> None:
    policies, models = documents("flux/initial.yaml")
    (expression,) = policies["spec"]["healthCheckExprs"]
    assert policies["spec"]["wait"] is True
    assert (expression["apiVersion"], expression["kind"]) == (API_VERSION, POLICY_KIND)
    assert models["spec"]["dependsOn"] == [{"name": policies["metadata"]["name"]}]
    (check,) = models["spec"]["healthChecks"]
    assert check == documents("flux/kustomizations.yaml")[1]["spec"]["healthChecks"][0]


def test_flux_waits_for_a_policy_longer_than_a_model_may_load() -> None:
    operator, models, routes = documents("flux/kustomizations.yaml")
    (check,) = models["spec"]["healthChecks"]
    (policy,) = documents("argocd/policy.yaml")
    assert (check["apiVersion"], check["kind"]) == (API_VERSION, POLICY_KIND)
    assert check["name"] == policy["metadata"]["name"]
    assert parse_duration(models["spec"]["timeout"]) > LONGEST_LOAD
    assert "wait" not in models["spec"], "it would make Flux ignore healthChecks"
    for before, after in ((operator, models), (models, routes)):
        assert after["spec"]["dependsOn"] == [{"name": before["metadata"]["name"]}]
