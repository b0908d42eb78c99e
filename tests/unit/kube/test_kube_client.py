from typing import Any

import pytest

from inferencehealth.kube.client import Client, connect, whole
from inferencehealth.kube.config import Access
from inferencehealth.kube.errors import (
    ApplyConflict,
    Conflict,
    Expired,
    NotFound,
    Unauthorized,
    Unreachable,
)
from inferencehealth.kube.requests import DEPLOYMENTS, EVENTS, PODS
from inferencehealth.kube.retries import ONE_SHOT, Limits
from tests.unit.kube.fake_apiserver import FakeApiServer, answer, cut_off, failure, page, thing

QUICK = Limits(attempt=0.05, retry_for=0)


async def test_an_object_is_read(server: FakeApiServer, client: Client) -> None:
    server.script += [answer(thing("a"))]
    assert (await client.get(PODS, "a", namespace="ml"))["value"] == 1
    assert server.asked[0].headers["Accept-Encoding"] == "identity"
    assert server.asked[0].headers["User-Agent"].startswith("inferencehealth/")


@pytest.mark.parametrize(
    "trouble",
    [failure(500), failure(503), failure(429, Retry_After="0.01"), cut_off, answer("{half")],
    ids=["500", "503", "429", "cut", "no JSON"],
)
async def test_a_passing_trouble_is_not_noticed(
    server: FakeApiServer, client: Client, trouble: Any
) -> None:
    server.script += [trouble, answer(thing("a"))]
    assert await client.apply(DEPLOYMENTS, "a", {}, manager="me", namespace="ml") == thing("a")


async def test_a_creation_of_unknown_outcome_is_not_repeated(
    server: FakeApiServer, client: Client
) -> None:
    server.script += [cut_off, answer({})]
    with pytest.raises(Unreachable):
        await client.create(EVENTS, {}, namespace="ml")
    assert len(server.asked) == 1


async def test_a_server_that_never_answers_is_unreachable(
    server: FakeApiServer, client: Client
) -> None:
    with pytest.raises(Unreachable, match=r"the test\) does not answer: timed out"):
        await client.get(PODS, "a", namespace="ml", limits=QUICK)


async def test_a_server_that_is_not_there_is_unreachable_and_was_sent_nothing() -> None:
    async def anonymous(*, renew: bool = False) -> dict[str, str]:
        return {}

    # Port 1 (tcpmux) is reserved, and closed everywhere.
    access = Access(server="http://127.0.0.1:1", source="the test", credentials=anonymous)
    async with connect(access) as client:
        with pytest.raises(Unreachable) as refused:
            await client.get(PODS, "a", namespace="ml", limits=ONE_SHOT)
    assert not refused.value.sent


async def test_a_proxy_of_the_environment_is_not_used(
    server: FakeApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:1")
    server.script += [answer(thing("a"))]
    async with connect(server.access) as client:
        assert await client.get(PODS, "a", namespace="ml", limits=ONE_SHOT)


async def test_a_redirect_is_an_error_and_is_not_followed(
    server: FakeApiServer, client: Client
) -> None:
    server.script += [answer("", 302, Location="/elsewhere")]
    with pytest.raises(Exception, match="302"):
        await client.get(PODS, "a", namespace="ml")
    assert len(server.asked) == 1


async def test_a_field_of_another_manager_is_an_apply_conflict(
    server: FakeApiServer, client: Client
) -> None:
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": 'conflict with "argocd-controller" using apps/v1',
            "field": ".spec.replicas",
        }
    ]
    server.script += [answer({"kind": "Status", "details": {"causes": causes}}, 409)]
    with pytest.raises(ApplyConflict) as conflict:
        await client.apply(DEPLOYMENTS, "a", {}, manager="me", namespace="ml")
    assert conflict.value.conflicts[0].manager == "argocd-controller"
    assert len(server.asked) == 1


async def test_a_list_is_projected_over_all_its_pages(
    server: FakeApiServer, client: Client
) -> None:
    server.script += [page(thing("a"), then="2"), page(thing("b"))]
    listing = await client.list(PODS, project=lambda raw: raw["metadata"]["name"])
    assert (listing.items, listing.resource_version) == (("a", "b"), "100")


async def test_a_list_whose_pages_expire_is_begun_anew_without_doubles(
    server: FakeApiServer, client: Client
) -> None:
    server.script += [page(thing("a"), then="2"), failure(410, "Expired"), page(thing("b"))]
    assert (await client.list(PODS, project=whole)).items == (thing("b"),)


async def test_a_list_whose_pages_always_expire_gives_up(
    server: FakeApiServer, client: Client
) -> None:
    server.script += [page(thing("a"), then="2"), failure(410, "Expired")] * 5
    with pytest.raises(Expired, match="faster than we read"):
        await client.list(PODS, project=whole)


async def test_the_verbs_reach_the_server_as_what_they_are(
    server: FakeApiServer, client: Client
) -> None:
    server.script += [answer({})] * 5
    await client.merge_patch(
        DEPLOYMENTS, "a", {"x": 1}, manager="me", namespace="ml", subresource="status"
    )
    await client.json_patch(DEPLOYMENTS, "a", [{"op": "test"}], manager="me", namespace="ml")
    await client.update(DEPLOYMENTS, thing("a"), manager="me")
    await client.create(DEPLOYMENTS, thing("a"), namespace="ml", manager="me")
    await client.delete(DEPLOYMENTS, "a", namespace="ml")
    base = "/apis/apps/v1/namespaces/ml/deployments"
    assert [(a.method, a.path, a.headers["Content-Type"]) for a in server.asked] == [
        ("PATCH", f"{base}/a/status", "application/merge-patch+json"),
        ("PATCH", f"{base}/a", "application/json-patch+json"),
        ("PUT", f"{base}/a", "application/json"),
        ("POST", base, "application/json"),
        ("DELETE", f"{base}/a", "application/json"),
    ]
    assert all(asked.query == {"fieldManager": "me"} for asked in server.asked[:4])


@pytest.mark.parametrize(("code", "kind"), [(404, NotFound), (409, Conflict)])
async def test_a_definite_answer_is_not_asked_for_twice(
    server: FakeApiServer, client: Client, code: int, kind: type[Exception]
) -> None:
    server.script += [failure(code)]
    with pytest.raises(kind):
        await client.get(PODS, "a", namespace="ml")
    assert len(server.asked) == 1


class Tokens:
    def __init__(self) -> None:
        self.current = "old"

    async def __call__(self, *, renew: bool = False) -> dict[str, str]:
        self.current = "new" if renew else self.current
        return {"Authorization": f"Bearer {self.current}"}


async def test_refused_credentials_are_renewed_once(server: FakeApiServer) -> None:
    server.script += [failure(401), answer(thing("a")), failure(401), failure(401)]
    access = Access(server=server.url, source="the test", credentials=Tokens())
    async with connect(access) as client:
        await client.get(PODS, "a", namespace="ml")
        with pytest.raises(Unauthorized):
            await client.get(PODS, "a", namespace="ml")
    sent = [asked.headers["Authorization"] for asked in server.asked]
    assert sent == ["Bearer old", "Bearer new", "Bearer new", "Bearer new"]
