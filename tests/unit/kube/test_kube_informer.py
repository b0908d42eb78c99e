import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from inferencehealth.kube import informer as informers
from inferencehealth.kube.client import Client
from inferencehealth.kube.informer import MAX_LINE, Informer, Lines, StreamBroken
from inferencehealth.kube.requests import PODS
from inferencehealth.kube.store import Change
from tests.unit.kube.fake_apiserver import (
    FakeApiServer,
    bookmark,
    cut_off,
    event,
    failure,
    page,
    status,
    stream,
    thing,
)

Seen = tuple[str, str]


class Watcher:
    def __init__(self, client: Client, **options: Any) -> None:
        self.changes: asyncio.Queue[Change[Any]] = asyncio.Queue()
        options.setdefault("project", lambda raw: raw["value"])
        self.informer: Informer[Any] = Informer(
            client, PODS, on_change=self.changes.put_nowait, max_backoff=0.01, **options
        )

    async def next(self, count: int) -> list[Seen]:
        """The next changes, as kind and name."""
        async with asyncio.timeout(10):
            found = [await self.changes.get() for _ in range(count)]
        return [(change.kind, change.key[1]) for change in found]

    @property
    def names(self) -> set[str]:
        return {name for _, name in self.informer.store}


@asynccontextmanager
async def watching(client: Client, **options: Any) -> AsyncIterator[Watcher]:
    watcher = Watcher(client, **options)
    task = asyncio.create_task(watcher.informer.run())
    try:
        yield watcher
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled(), task.exception()


async def test_lists_every_page_and_then_watches_from_there(
    server: FakeApiServer, client: Client
) -> None:
    server.script += [
        page(thing("a"), version="7", then="more"),
        page(thing("b"), version="7"),
        stream(event("ADDED", thing("c", version="8")), wait=server.over),
    ]
    async with watching(client, label_selector="tier=inference", namespace="ml") as watcher:
        assert await watcher.next(3) == [("added", "a"), ("added", "b"), ("added", "c")]
        assert watcher.informer.synced.is_set()
    first, second, third = server.asked
    assert first.path == "/api/v1/namespaces/ml/pods"
    assert (first.query["limit"], first.query["labelSelector"]) == ("500", "tier=inference")
    assert second.query["continue"] == "more"
    assert third.query["resourceVersion"] == "7"
    assert third.query["allowWatchBookmarks"] == "true"
    assert 240 <= int(third.query["timeoutSeconds"]) <= 480


async def test_events_change_the_store_and_are_told(server: FakeApiServer, client: Client) -> None:
    server.script += [
        page(thing("a")),
        stream(
            event("MODIFIED", thing("a", version="2", value=2)),
            event("MODIFIED", thing("a", version="3", value=2)),
            event("ADDED", thing("b", version="4")),
            event("DELETED", thing("a", version="5", value=2)),
            wait=server.over,
        ),
    ]
    async with watching(client) as watcher:
        assert await watcher.next(4) == [
            ("added", "a"),
            ("modified", "a"),  # once: the second update changed nothing that we keep
            ("added", "b"),
            ("deleted", "a"),
        ]
        assert watcher.informer.store == {("ml", "b"): 1}


async def test_what_vanished_while_nobody_watched_is_told_as_deleted(
    server: FakeApiServer, client: Client
) -> None:
    server.script += [
        page(thing("kept"), thing("gone")),
        stream(event("ERROR", status(410, "Expired"))),
        page(thing("kept"), thing("new")),
    ]
    async with watching(client) as watcher:
        assert await watcher.next(4) == [
            ("added", "kept"),
            ("added", "gone"),
            ("deleted", "gone"),
            ("added", "new"),
        ]
        assert watcher.names == {"kept", "new"}


async def test_a_new_object_of_an_old_name_is_a_deletion_and_an_addition(
    server: FakeApiServer, client: Client
) -> None:
    server.script += [
        page(thing("a", uid="1")),
        failure(410, "Expired"),
        page(thing("a", uid="2")),
        stream(event("ADDED", thing("a", uid="3", version="9")), wait=server.over),
    ]
    async with watching(client) as watcher:
        assert await watcher.next(5) == [("added", "a"), *[("deleted", "a"), ("added", "a")] * 2]


async def test_the_late_deletion_of_an_old_object_spares_the_new_one(
    server: FakeApiServer, client: Client
) -> None:
    server.script += [
        page(thing("a", uid="new")),
        stream(
            event("DELETED", thing("a", uid="old", version="2")),
            event("ADDED", thing("b", version="3")),
            wait=server.over,
        ),
    ]
    async with watching(client) as watcher:
        assert await watcher.next(2) == [("added", "a"), ("added", "b")]
        assert watcher.names == {"a", "b"}


async def test_a_bookmark_moves_the_version_to_watch_from(
    server: FakeApiServer, client: Client
) -> None:
    server.script += [page(), stream(bookmark("42"), cut_after=True)]
    async with watching(client):
        asked = await server.requests(3)
    assert asked[2].query["resourceVersion"] == "42"


@pytest.mark.parametrize(
    "trouble",
    [
        failure(403, "Forbidden", "pods is forbidden"),
        failure(500, "InternalError"),
        failure(429, "TooManyRequests", Retry_After="0.01"),
        cut_off,
    ],
    ids=["403", "500", "429", "cut"],
)
async def test_a_refused_watch_goes_on_from_the_same_version(
    server: FakeApiServer, client: Client, trouble: Any
) -> None:
    server.script += [page(thing("a"), version="7"), trouble]
    async with watching(client) as watcher:
        asked = await server.requests(3)
        assert watcher.names == {"a"}
    assert asked[2].query.get("watch") == "true"
    assert asked[2].query["resourceVersion"] == "7"


@pytest.mark.parametrize(
    "line",
    [
        b"{]\n",
        b'"text"\n',
        b"[]\n",
        b'{"type": "ADDED"}\n',
        b'{"type": "ADDED", "object": {"metadata": {"resourceVersion": "5"}}}\n',
        b'{"type": "SURPRISE", "object": {"metadata": {"resourceVersion": "5"}}}\n',
        b"\xff\xfe\n",
    ],
)
async def test_a_line_that_is_no_event_leads_to_a_new_list(
    server: FakeApiServer, client: Client, line: bytes
) -> None:
    server.script += [page(thing("a")), stream(line), page(thing("b"))]
    async with watching(client) as watcher:
        assert await watcher.next(3) == [("added", "a"), ("deleted", "a"), ("added", "b")]


async def test_an_unknown_watch_error_leads_to_a_new_list(
    server: FakeApiServer, client: Client
) -> None:
    server.script += [page(), stream(event("ERROR", status(500))), page(thing("a"))]
    async with watching(client) as watcher:
        assert await watcher.next(1) == [("added", "a")]


async def test_an_event_cut_in_the_middle_is_asked_for_again(
    server: FakeApiServer, client: Client
) -> None:
    server.script += [
        page(version="7"),
        stream(b'{"type": "ADDED", "obj', cut_after=True),
        stream(event("ADDED", thing("a", version="8")), wait=server.over),
    ]
    async with watching(client) as watcher:
        assert await watcher.next(1) == [("added", "a")]
    assert [asked.query.get("resourceVersion") for asked in server.asked] == [None, "7", "7"]


async def test_a_silent_connection_counts_as_hung_and_is_replaced(
    server: FakeApiServer, client: Client
) -> None:
    server.script += [
        page(version="7"),
        stream(wait=server.over),
        stream(event("ADDED", thing("a", version="8")), wait=server.over),
    ]
    async with watching(client, silence=0.05) as watcher:
        assert await watcher.next(1) == [("added", "a")]


async def test_pages_that_expire_are_listed_anew(server: FakeApiServer, client: Client) -> None:
    server.script += [
        page(thing("a"), then="old"),
        failure(410, "Expired"),
        page(thing("b"), then="new"),
        page(thing("c")),
    ]
    async with watching(client) as watcher:
        assert await watcher.next(2) == [("added", "b"), ("added", "c")]


async def test_trouble_is_shown_until_the_server_is_heard_again(
    server: FakeApiServer, client: Client
) -> None:
    server.script += [failure(403, "Forbidden", "pods is forbidden"), page(thing("a"))]
    async with watching(client) as watcher:
        await server.requests(2)
        assert str(watcher.informer.trouble) == "pods is forbidden"
        first = watcher.informer.last_contact
        server.script.append(stream(event("ADDED", thing("b", version="2")), wait=server.over))
        assert await watcher.next(2) == [("added", "a"), ("added", "b")]
        assert watcher.informer.trouble is None
        assert watcher.informer.last_contact > first


async def test_a_watch_that_stood_for_a_while_ends_the_growing_of_pauses(
    server: FakeApiServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(informers, "SHORT_WATCH", 0.0)
    server.script += [*[failure(403, "Forbidden")] * 4, page(), stream(cut_after=True)]
    async with watching(client) as watcher:
        await server.requests(7)
        assert watcher.informer._failures == 1


async def test_a_server_that_ends_every_watch_at_once_is_asked_ever_more_slowly(
    server: FakeApiServer, client: Client
) -> None:
    server.script += [page(), *[stream()] * 4]
    async with watching(client) as watcher:
        await server.requests(6)
        assert watcher.informer._failures == 4


async def test_an_object_that_cannot_be_read_keeps_what_was_known(
    server: FakeApiServer, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    broken = thing("a", version="2")
    del broken["value"]
    server.script += [
        page(thing("a")),
        stream(
            event("MODIFIED", broken), event("ADDED", thing("b", version="3")), wait=server.over
        ),
    ]
    async with watching(client) as watcher:
        assert await watcher.next(2) == [("added", "a"), ("added", "b")]
        assert watcher.names == {"a", "b"}
    assert "ml/a cannot be read" in caplog.text


async def test_what_the_projection_no_longer_wants_is_deleted(
    server: FakeApiServer, client: Client
) -> None:
    server.script += [
        page(thing("a")),
        stream(event("MODIFIED", thing("a", version="2", value=None)), wait=server.over),
    ]
    async with watching(client) as watcher:
        assert await watcher.next(2) == [("added", "a"), ("deleted", "a")]
        assert not watcher.names


async def test_the_store_agrees_with_each_change_when_it_is_told(
    server: FakeApiServer, client: Client
) -> None:
    agreed: list[bool] = []
    done = asyncio.Event()

    def check(change: Change[Any]) -> None:
        agreed.append(informer.store.get(change.key) == change.new)
        if len(agreed) == 3:
            done.set()

    informer: Informer[Any] = Informer(
        client, PODS, project=lambda raw: raw["value"], on_change=check, max_backoff=0.01
    )
    server.script += [page(thing("a")), failure(410, "Expired"), page(thing("a", uid="2"))]
    task = asyncio.create_task(informer.run())
    async with asyncio.timeout(10):
        await done.wait()
    task.cancel()
    assert agreed == [True] * 3


def test_lines_are_the_same_however_the_stream_is_cut() -> None:
    whole = b'{"a": 1}\n\n{"b": 2}\n{"c"'
    cuts: list[Callable[[bytes], list[bytes]]] = [
        lambda raw: [raw],
        lambda raw: [raw[i : i + 1] for i in range(len(raw))],
        lambda raw: [raw[:9], b"", raw[9:11], raw[11:]],
    ]
    for cut in cuts:
        lines = Lines()
        found = [line for chunk in cut(whole) for line in lines.feed(chunk)]
        assert found == [b'{"a": 1}', b'{"b": 2}']


def test_a_line_without_end_is_not_kept() -> None:
    lines = Lines()
    lines.feed(b"x" * MAX_LINE)
    with pytest.raises(StreamBroken):
        lines.feed(b"x")
