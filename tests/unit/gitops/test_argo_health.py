"""Argo CD's words for every state, by our script in a real Lua 5.1."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.gitops.judges import SCRIPTS, argo
from tests.gitops.states import POLICY_STATES, REPORT_STATES, State, report_id

KINDS = ("InferenceHealthPolicy", "InferenceHealthReport")
WORDS = {"Healthy", "Progressing", "Degraded", "Suspended", "Unknown"}


@pytest.mark.parametrize("state", POLICY_STATES, ids=str)
def test_argo_cd_says_of_a_policy_what_it_is(state: State) -> None:
    raw = state.policy()
    raw["metadata"]["generation"] = 2 if state.outdated else 1
    raw["status"] = state.status() if state.seen else {"observedGeneration": -1}
    found = argo(raw)
    assert (found.status, state.about in found.message) == (state.argo, True), found.message
    assert found.message


def test_the_table_has_every_word_of_argo_cd() -> None:
    assert {state.argo for state in POLICY_STATES} == WORDS
    assert {word for word, _ in REPORT_STATES} == WORDS


@pytest.mark.parametrize(("word", "raw"), REPORT_STATES, ids=report_id)
def test_argo_cd_says_of_a_report_what_it_is(word: str, raw: dict[str, Any]) -> None:
    found = argo({"kind": "InferenceHealthReport", **raw})
    assert found.status == word
    assert found.message


@pytest.mark.parametrize("kind", KINDS)
def test_an_object_of_an_older_version_or_of_nobody_is_no_error(kind: str) -> None:
    bare = {"kind": kind, "metadata": {"name": "a"}, "spec": {"check": {}}}
    assert argo(bare).status == "Progressing"
    odd = bare | {"status": {"observedGeneration": 1, "conditions": []}}
    odd["metadata"] = {"name": "a", "generation": 1}
    assert argo(odd).status in WORDS


def test_the_patch_for_argo_cd_carries_the_very_scripts() -> None:
    patch = yaml.safe_load((SCRIPTS / "argocd-cm.yaml").read_text())
    assert patch == {
        "data": {
            f"resource.customizations.health.inferencehealth.dev_{kind}": (
                SCRIPTS / f"{kind}.lua"
            ).read_text()
            for kind in KINDS
        }
    }, "copy the scripts into manifests/argocd/argocd-cm.yaml"


def test_the_scripts_lie_where_the_patch_says() -> None:
    assert {Path(p).stem for p in SCRIPTS.glob("*.lua")} == set(KINDS)
