"""Whose a probe is, by managedFields as a real API server writes them."""

from typing import Any

import pytest

from inferencehealth.probes.ownership import ours, patched_by_us, writers
from tests.unit.plan.given import deployment, owned

LIVE = "livenessProbe"


@pytest.mark.parametrize(
    ("managed", "is_ours", "by_patch"),
    [
        ([], False, False),
        ([owned(LIVE)], True, False),
        ([owned(LIVE, operation="Update")], True, True),
        ([owned(LIVE, manager="kubectl-client-side-apply", operation="Update")], False, False),
        ([owned(LIVE, manager="inferencehealth-controller")], False, False),
        ([owned("readinessProbe")], False, False),
        ([owned(LIVE, container="other")], False, False),
        ([owned(LIVE, field="initContainers")], False, False),
        ([owned(LIVE, subresource="status")], False, False),
        ([owned(LIVE, manager="kubectl-edit"), owned(LIVE)], True, False),
        ([{"manager": "inferencehealth", "operation": "Apply"}], False, False),
        (
            [{"manager": "inferencehealth", "operation": "Apply", "fieldsV1": {"f:spec": {}}}],
            False,
            False,
        ),
    ],
)
def test_a_probe_is_ours_when_we_own_some_of_it(
    managed: list[dict[str, Any]], is_ours: bool, by_patch: bool
) -> None:
    target = deployment({}, managed=managed)
    assert ours(target, target.containers[0], LIVE) is is_ours
    assert patched_by_us(target, target.containers[0], LIVE) is by_patch


def test_everyone_who_owns_some_of_a_probe_is_named() -> None:
    target = deployment({}, managed=[owned(LIVE, manager="argocd"), owned(LIVE)])
    assert writers(target, target.containers[0], LIVE) == (
        ("argocd", "Apply"),
        ("inferencehealth", "Apply"),
    )


def test_a_native_sidecars_probe_is_found_among_the_init_containers() -> None:
    side = {"name": "side", "restartPolicy": "Always"}
    managed = [owned(LIVE, container="side", field="initContainers")]
    target = deployment({}, init=[side], managed=managed)
    assert ours(target, target.containers[1], LIVE)
    assert not ours(target, target.containers[0], LIVE)
