import asyncio
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from inferencehealth.kube.client import Client
from inferencehealth.kube.errors import KubeError
from inferencehealth.kube.leases import Freshness, Heartbeat, LeaseRecord, project_lease
from inferencehealth.kube.timestamps import micro_time
from tests.unit.kube.fake_apiserver import FakeApiServer, answer, failure

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PATH = "/apis/coordination.k8s.io/v1/namespaces/sys/leases/checker-a"


def lease(renewed: str, *, uid: str = "1", duration: float = 15, holder: str = "a") -> LeaseRecord:
    return LeaseRecord(uid, "sys", "a", {}, holder, duration, renewed)


def heart(client: Client, duration: float = 15) -> Heartbeat:
    return Heartbeat(
        client,
        namespace="sys",
        name="checker-a",
        labels={"member": "checker"},
        duration=duration,
        manager="me",
        clock=lambda: NOW,
    )


def accepted(version: str) -> Any:
    return answer({"metadata": {"resourceVersion": version}})


async def test_a_beat_writes_the_whole_lease(server: FakeApiServer, client: Client) -> None:
    server.script += [accepted("5")]
    await heart(client).beat()
    asked = server.asked[0]
    assert (asked.method, asked.path) == ("PATCH", PATH)
    assert asked.query == {"fieldManager": "me", "force": "true"}
    assert asked.body["metadata"]["labels"] == {"member": "checker"}
    assert asked.body["spec"] == {
        "holderIdentity": "checker-a",
        "leaseDurationSeconds": 15,
        "renewTime": "2026-01-02T03:04:05.000000Z",
    }


async def test_a_beat_that_hangs_is_over_before_the_next_is_due(
    server: FakeApiServer, client: Client
) -> None:
    own = heart(client, duration=0.3)
    async with asyncio.timeout(5):
        with pytest.raises(KubeError, match="timed out"):
            await own.beat()
    assert len(server.asked) == 1


async def test_leaving_deletes_the_lease_only_as_we_left_it(
    server: FakeApiServer, client: Client
) -> None:
    own = heart(client)
    server.script += [accepted("5"), accepted("6"), answer({})]
    await own.beat()
    await own.beat()
    await own.release()
    assert server.asked[2].method == "DELETE"
    assert server.asked[2].body["preconditions"] == {"resourceVersion": "6"}


@pytest.mark.parametrize("code", [404, 409])
async def test_a_lease_that_is_gone_or_anothers_is_left(
    server: FakeApiServer, client: Client, code: int
) -> None:
    own = heart(client)
    server.script += [accepted("5"), failure(code)]
    await own.beat()
    await own.release()
    await own.release()
    assert len(server.asked) == 2


async def test_leaving_while_the_server_is_in_trouble_is_only_logged(
    server: FakeApiServer, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    own = heart(client)
    server.script += [accepted("5"), failure(500)]
    await own.beat()
    await own.release()
    assert "sys/checker-a is not released" in caplog.text


async def test_who_never_lived_has_nothing_to_leave(server: FakeApiServer, client: Client) -> None:
    await heart(client).release()
    assert not server.asked


def test_a_member_lives_as_long_as_its_renewals_change() -> None:
    known = Freshness()
    known.observe(lease("r1"), now=100)
    assert known.alive("a", now=115)
    assert not known.alive("a", now=115.1)
    known.observe(lease("r1"), now=120)  # seen again, by a new list: not renewed
    assert not known.alive("a", now=120)
    known.observe(lease("r2"), now=121)
    assert known.alive("a", now=130)
    assert known.members(now=130) == {"a"}


def test_a_members_clock_is_of_no_interest() -> None:
    known = Freshness()
    known.observe(lease("1999-01-01T00:00:00Z"), now=100)
    assert known.alive("a", now=110)
    known.observe(lease("1970-01-01T00:00:00Z"), now=114)
    assert known.alive("a", now=120)


def test_a_lease_made_anew_is_a_new_member() -> None:
    known = Freshness()
    known.observe(lease("r1", uid="1"), now=100)
    known.observe(lease("r1", uid="2"), now=114)
    assert known.alive("a", now=120)


def test_a_member_that_left_or_was_never_seen_does_not_live() -> None:
    known = Freshness()
    known.observe(lease("r1"), now=100)
    known.forget("a")
    assert not known.alive("a", now=100)
    assert not known.alive("b", now=100)
    assert known.members(now=100) == frozenset()


def test_a_lease_without_holder_is_nobodys_sign_of_life() -> None:
    known = Freshness()
    known.observe(lease("r1", holder=""), now=100)
    assert not known.alive("a", now=100)


def test_a_lease_without_spec_is_read() -> None:
    record = project_lease({"metadata": {"uid": "1", "namespace": "sys", "name": "a"}})
    assert record == LeaseRecord("1", "sys", "a", {}, "", 0.0, "")


def test_micro_times_are_utc_with_six_digits() -> None:
    east = timezone(timedelta(hours=2))
    assert micro_time(datetime(2026, 1, 1, 1, tzinfo=east)) == "2025-12-31T23:00:00.000000Z"
