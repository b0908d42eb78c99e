import copy
from typing import Any

import pytest

from inferencehealth.probes.putback import originals, put_back, released
from inferencehealth.workloads import Workload
from tests.unit.plan.given import TRITON, deployment, owned

OURS = {"httpGet": {"path": "/v2/health/live", "port": 8000}, "periodSeconds": 5}
AUTHORS = {"exec": {"command": ["/bin/alive", "ä"]}, "initialDelaySeconds": 7}


def given(*managed: dict[str, Any], **probes: Any) -> Workload:
    return deployment({"image": "redis"}, {"image": TRITON, **probes}, managed=list(managed))


def changes(patch: Any) -> list[dict[str, Any]]:
    assert patch is not None
    return [op for op in patch.operations if op["op"] != "test"]


def test_a_probe_that_was_not_there_goes_and_one_that_was_comes_back_as_it_was() -> None:
    workload = given(livenessProbe=OURS, readinessProbe=OURS)
    patch = put_back(
        workload, workload.containers[1], {"livenessProbe": AUTHORS, "readinessProbe": None}
    )
    at = "/spec/template/spec/containers/1"
    assert changes(patch) == [
        {"op": "replace", "path": f"{at}/livenessProbe", "value": AUTHORS},
        {"op": "remove", "path": f"{at}/readinessProbe"},
    ]
    assert patch is not None
    tested = {op["path"] for op in patch.operations if op["op"] == "test"}
    assert tested == {"/metadata/uid", "/metadata/generation", f"{at}/name"}


def test_a_probe_that_is_gone_meanwhile_is_added_again() -> None:
    workload = given()
    patch = put_back(workload, workload.containers[1], {"startupProbe": AUTHORS})
    assert [op["op"] for op in changes(patch)] == ["add"]


def test_what_is_as_it_was_is_not_written_again() -> None:
    workload = given(livenessProbe=AUTHORS)
    before = {"livenessProbe": AUTHORS, "readinessProbe": None}
    assert put_back(workload, workload.containers[1], before) is None


def test_only_our_own_probes_are_taken_back() -> None:
    workload = given(
        owned("livenessProbe", "startupProbe", container="c1"),
        owned("readinessProbe", container="c1", manager="author"),
        livenessProbe=OURS,
        startupProbe=OURS,
        readinessProbe=AUTHORS,
    )
    found = originals(workload, workload.containers[1], {"livenessProbe": AUTHORS})
    assert found == {"livenessProbe": AUTHORS, "startupProbe": None}


def test_a_probe_that_somebody_else_has_taken_a_part_of_stays_with_them() -> None:
    workload = given(
        owned("livenessProbe", container="c1"),
        owned("livenessProbe", container="c1", manager="git-robot"),
        livenessProbe=OURS,
    )
    assert originals(workload, workload.containers[1], {}) == {}


def test_an_original_comes_back_though_its_author_still_owns_a_part() -> None:
    workload = given(
        owned("livenessProbe", container="c1", operation="Update"),
        owned("livenessProbe", container="c1", manager="author"),
        livenessProbe=OURS,
    )
    known = {"livenessProbe": AUTHORS}
    assert originals(workload, workload.containers[1], known) == known


def test_our_claim_is_given_up_and_nobody_elses() -> None:
    other = owned("livenessProbe", container="c1", manager="author")
    status = {"manager": "kcm", "subresource": "status", "fieldsV1": {"f:status": {}}}
    workload = given(
        other,
        owned("livenessProbe", "startupProbe", container="c1"),
        owned("readinessProbe", container="c1", operation="Update"),
        status,
        livenessProbe=OURS,
    )
    assert released(workload, workload.containers[1]) == [other, status]


def test_a_claim_on_one_probe_is_given_up_alone() -> None:
    both = owned("livenessProbe", "startupProbe", container="c1")
    workload = given(both, livenessProbe=OURS, startupProbe=OURS)
    untouched = copy.deepcopy(workload.raw)
    found = released(workload, workload.containers[1], ["livenessProbe"])
    assert found == [owned("startupProbe", container="c1")]
    assert workload.raw == untouched


@pytest.mark.parametrize("managed", [(), (owned("livenessProbe", manager="author"),)])
def test_without_a_claim_there_is_nothing_to_give_up(managed: tuple[dict[str, Any], ...]) -> None:
    workload = given(*managed)
    assert released(workload, workload.containers[1]) is None
