"""The election against an API server that answers to order: what is asked, and when it all ends."""

import asyncio
from collections.abc import Coroutine
from typing import Any, NoReturn, TypeVar

import pytest

from inferencehealth.controller.candidate import Terms
from inferencehealth.controller.election import Election, elected
from inferencehealth.kube.client import Client
from inferencehealth.kube.requests import CONFIG_MAPS
from tests.unit.kube.conftest import client, server
from tests.unit.kube.fake_apiserver import FakeApiServer, answer, failure

__all__ = ["client", "server"]

QUICK = Terms(lease=15, deadline=10, retry=0.01, request=3)
T = TypeVar("T")
PATH = "/apis/coordination.k8s.io/v1/namespaces/sys/leases"


class Ended(BaseException):
    """Stands for the end of the process: nothing catches it."""


def ends(why: str) -> NoReturn:
    raise Ended(why)


class Clock:
    """The monotonic clock, moved by the test."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


async def here(work: Coroutine[Any, Any, T]) -> T:
    """The election is played in the test's own loop."""
    return await work


async def nothing() -> None:
    """A copy that stands by has nothing to do here."""


def election(client: Client, clock: Clock) -> Election:
    return Election(client, "sys", "me", QUICK, clock=clock, end=ends)


def lease(holder: str, version: str = "7", renewed: str = "t") -> Any:
    return answer(
        {
            "metadata": {
                "name": "inferencehealth-controller",
                "namespace": "sys",
                "uid": "1",
                "resourceVersion": version,
            },
            "spec": {"holderIdentity": holder, "leaseDurationSeconds": 15, "renewTime": renewed},
        }
    )


async def test_where_there_is_no_lease_it_is_made(server: FakeApiServer, client: Client) -> None:
    server.script += [failure(404), answer({})]
    copy = election(client, Clock())
    await copy.win()
    assert copy.leads
    assert [(a.method, a.path) for a in server.asked] == [
        ("GET", f"{PATH}/inferencehealth-controller"),
        ("POST", PATH),
    ]


async def test_a_lease_is_taken_only_as_it_was_read(server: FakeApiServer, client: Client) -> None:
    server.script += [lease("", "7"), failure(409), lease("other"), lease("", "9"), answer({})]
    copy = election(client, Clock())
    await copy.win()
    puts = [a.body["metadata"]["resourceVersion"] for a in server.asked if a.method == "PUT"]
    assert puts == ["7", "9"]


async def test_a_write_whose_answer_was_lost_is_found_again(
    server: FakeApiServer, client: Client
) -> None:
    server.script += [lease(""), failure(500), lease("me", "8"), answer({})]
    copy = election(client, Clock())
    await copy.win()
    assert [a.method for a in server.asked] == ["GET", "PUT", "GET", "PUT"]


async def test_a_write_without_a_renewal_in_time_never_begins(
    server: FakeApiServer, client: Client
) -> None:
    server.script += [lease(""), answer({}), answer({})]
    clock = Clock()
    copy = election(client, clock)
    acting = client.guarded(copy.guard)
    with pytest.raises(Ended, match="without the Lease"):
        await acting.create(CONFIG_MAPS, {"metadata": {"name": "a"}}, namespace="ml")
    await copy.win()
    clock.now += 9.9
    await acting.create(CONFIG_MAPS, {"metadata": {"name": "a"}}, namespace="ml")
    clock.now += 0.2
    with pytest.raises(Ended, match="was not renewed for 10 s"):
        await acting.create(CONFIG_MAPS, {"metadata": {"name": "b"}}, namespace="ml")
    assert [a.body["metadata"]["name"] for a in server.asked if "ml" in a.path] == ["a"]


async def test_a_write_that_is_repeated_asks_again_first(
    server: FakeApiServer, client: Client
) -> None:
    clock = Clock()
    copy = election(client, clock)

    async def slow_refusal(request: Any) -> Any:
        clock.now += 11
        return await failure(429)(request)

    server.script += [lease(""), answer({}), slow_refusal]
    await copy.win()
    with pytest.raises(Ended):
        await client.guarded(copy.guard).create(
            CONFIG_MAPS, {"metadata": {"name": "a"}}, namespace="ml"
        )
    assert len([a for a in server.asked if "ml" in a.path]) == 1


async def test_a_leader_that_finds_another_holder_ends(
    server: FakeApiServer, client: Client
) -> None:
    server.script += [lease(""), answer({}), lease("other")]
    copy = election(client, Clock())
    await copy.win()
    with pytest.raises(Ended, match="other leads now"):
        await copy.keep()


async def test_a_lease_that_somebody_deleted_is_made_again_and_the_leader_goes_on(
    server: FakeApiServer, client: Client
) -> None:
    server.script += [lease(""), answer({}), failure(404), answer({})]
    copy = election(client, Clock())
    await copy.win()
    keeping = asyncio.create_task(copy.keep())
    await server.requests(4)
    keeping.cancel()
    assert server.asked[3].method == "POST"
    assert copy.leads


async def test_what_ends_in_order_gives_the_lease_up(server: FakeApiServer, client: Client) -> None:
    server.script += [lease(""), answer({}), lease("me", "8"), answer({})]
    async with elected(election(client, Clock()), here, asyncio.Event(), nothing) as leads:
        assert leads
        await asyncio.sleep(0)  # a task that never began warns when it is cancelled
    assert server.asked[-1].method == "PUT"
    assert "holderIdentity" not in server.asked[-1].body["spec"]


async def test_what_is_told_to_stop_while_it_stands_by_takes_nothing(
    server: FakeApiServer, client: Client
) -> None:
    stop = asyncio.Event()

    async def stopping(request: Any) -> Any:
        stop.set()
        return await lease("other")(request)

    server.script += [stopping, lease("other")]
    async with elected(election(client, Clock()), here, stop, nothing) as leads:
        assert not leads
    assert {a.method for a in server.asked} == {"GET"}
