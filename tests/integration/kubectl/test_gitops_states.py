"""What Argo CD and Flux make of objects as the API server gives them, in every state."""

from typing import Any

import pytest

from inferencehealth.kube.client import Client
from inferencehealth.kube.requests import POLICIES, REPORTS
from tests.gitops.judges import argo, flux
from tests.gitops.states import POLICY_STATES, REPORT_STATES, State, report_id

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("state", POLICY_STATES, ids=str)
async def test_argo_cd_and_flux_say_of_a_policy_what_it_is(
    client: Client, namespace: str, state: State
) -> None:
    await client.create(POLICIES, state.policy(), namespace=namespace, manager="author")
    if state.seen:
        await _write_status(client, POLICIES, namespace, "p", state.status())
    if state.outdated:
        change = {"spec": {"checks": {"interval": "20s"}}}
        await client.merge_patch(POLICIES, "p", change, namespace=namespace, manager="author")
    raw = await client.get(POLICIES, "p", namespace=namespace)
    by_argo, by_flux = argo(raw), flux(raw)
    assert (by_argo.status, by_flux.status) == (state.argo, state.flux), (by_argo, by_flux)
    assert state.about in by_argo.message


@pytest.mark.parametrize(("word", "wanted"), REPORT_STATES, ids=report_id)
async def test_argo_cd_says_of_a_report_what_it_is(
    client: Client, namespace: str, word: str, wanted: dict[str, Any]
) -> None:
    name = wanted["metadata"]["name"]
    body = {"metadata": {"name": name}, "spec": wanted["spec"]}
    await client.create(REPORTS, body, namespace=namespace, manager="author")
    await _write_status(client, REPORTS, namespace, name, wanted["status"])
    raw = await client.get(REPORTS, name, namespace=namespace)
    assert argo(raw).status == word


async def _write_status(
    client: Client, resource: Any, namespace: str, name: str, status: dict[str, Any]
) -> None:
    await client.apply(
        resource,
        name,
        {"status": status},
        namespace=namespace,
        manager="inferencehealth-controller",
        subresource="status",
    )
