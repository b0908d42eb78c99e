import asyncio
from collections.abc import Awaitable

import pytest

from inferencehealth.kube.client import Client
from inferencehealth.kube.events import MAX_IN_FLIGHT, ObjectRef, Recorder, ref_of, shorten
from inferencehealth.kube.series import Book, Key
from tests.unit.kube.fake_apiserver import FakeApiServer, answer, cut_off, failure

POD = ObjectRef("v1", "Pod", "ml", "triton-0", "uid-1")
REPORT = ObjectRef("inferencehealth.dev/v1alpha1", "InferenceHealthReport", "ml", "r", "uid-2")
KEY: Key = ("uid-1", "Broken", "no")


@pytest.fixture
def recorder(client: Client) -> Recorder:
    return Recorder(client, controller="inferencehealth-checker", instance="checker-0")


def say(
    recorder: Recorder, note: str = "model resnet50 does not serve", regarding: ObjectRef = POD
) -> Awaitable[None]:
    return recorder.emit(
        regarding, type="Warning", reason="Broken", note=note, action="Check", related=REPORT
    )


async def test_an_event_says_who_what_and_about_whom(
    server: FakeApiServer, recorder: Recorder
) -> None:
    server.script += [answer({})]
    await say(recorder)
    asked = server.asked[0]
    assert (asked.method, asked.path) == ("POST", "/apis/events.k8s.io/v1/namespaces/ml/events")
    name, time = asked.body["metadata"].pop("name"), asked.body.pop("eventTime")
    assert name.startswith("triton-0.")
    assert time.endswith("Z")
    assert asked.body == {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"namespace": "ml"},
        "reportingController": "inferencehealth-checker",
        "reportingInstance": "checker-0",
        "regarding": POD.manifest(),
        "related": REPORT.manifest(),
        "type": "Warning",
        "reason": "Broken",
        "note": "model resnet50 does not serve",
        "action": "Check",
    }


async def test_the_same_said_again_is_counted_on_the_same_event(
    server: FakeApiServer, recorder: Recorder
) -> None:
    server.script += [answer({})] * 2
    await say(recorder)
    await say(recorder)
    made, counted = server.asked
    assert counted.method == "PATCH"
    assert counted.path == f"{made.path}/{made.body['metadata']['name']}"
    assert counted.body["series"]["count"] == 2


async def test_something_else_is_an_event_of_its_own(
    server: FakeApiServer, recorder: Recorder
) -> None:
    server.script += [answer({})] * 2
    await say(recorder)
    await say(recorder, note="model bert does not serve")
    assert [asked.method for asked in server.asked] == ["POST", "POST"]


async def test_an_event_that_the_server_has_forgotten_is_made_anew(
    server: FakeApiServer, recorder: Recorder
) -> None:
    server.script += [answer({}), failure(404), answer({})]
    await say(recorder)
    await say(recorder)
    assert [asked.method for asked in server.asked] == ["POST", "PATCH", "POST"]


@pytest.mark.parametrize("trouble", [failure(403, "Forbidden"), cut_off], ids=["403", "cut"])
async def test_trouble_is_logged_and_the_next_time_tries_again(
    server: FakeApiServer,
    recorder: Recorder,
    caplog: pytest.LogCaptureFixture,
    trouble: object,
) -> None:
    server.script += [trouble, answer({})]  # type: ignore[list-item]
    await say(recorder)
    assert "Broken on Pod ml/triton-0 is not written" in caplog.text
    await say(recorder)
    assert [asked.method for asked in server.asked] == ["POST", "POST"]


async def test_an_object_without_namespace_has_its_events_in_default(
    server: FakeApiServer, recorder: Recorder
) -> None:
    server.script += [answer({})]
    await say(recorder, regarding=ObjectRef("v1", "Node", "", "gpu-1", "uid-3"))
    assert server.asked[0].path == "/apis/events.k8s.io/v1/namespaces/default/events"
    assert server.asked[0].body["metadata"]["namespace"] == "default"


async def test_a_flood_is_cut_off(server: FakeApiServer, recorder: Recorder) -> None:
    flood = [asyncio.ensure_future(say(recorder, note=str(i))) for i in range(MAX_IN_FLIGHT + 10)]
    await server.requests(MAX_IN_FLIGHT)
    done, pending = await asyncio.wait(flood, timeout=0)
    assert (len(done), len(pending)) == (10, MAX_IN_FLIGHT)
    for task in pending:
        task.cancel()
    await asyncio.gather(*flood, return_exceptions=True)


@pytest.mark.parametrize("name", ["a" * 253, "a" * 199 + "." + "b" * 53, "a" * 199 + "-b"])
async def test_every_name_of_an_event_is_a_valid_one(
    server: FakeApiServer, recorder: Recorder, name: str
) -> None:
    server.script += [answer({})]
    await say(recorder, regarding=ObjectRef("v1", "Pod", "ml", name, "u"))
    made = server.asked[0].body["metadata"]["name"]
    assert len(made) <= 253
    assert all(part[0].isalnum() and part[-1].isalnum() for part in made.split("."))


@pytest.mark.parametrize("note", ["short", "x" * 1024])
def test_a_note_that_fits_stays_as_it_is(note: str) -> None:
    assert shorten(note) == note


@pytest.mark.parametrize("note", ["x" * 1025, "ü" * 600, "…" * 400])
def test_a_long_note_is_cut_to_what_the_server_takes(note: str) -> None:
    short = shorten(note)
    assert 1000 < len(short.encode()) <= 1024
    assert short.endswith("…")
    assert note.startswith(short[:-1])


def test_an_item_of_a_list_is_referred_to_by_the_kind_of_the_list() -> None:
    meta = {"metadata": {"namespace": "ml", "name": "triton-0", "uid": "uid-1"}}
    assert ref_of(meta, api_version="v1", kind="Pod") == POD
    assert ref_of({**meta, "apiVersion": "v1", "kind": "Pod"}) == POD


def written(book: Book, times: list[float]) -> list[int]:
    """The counts that are written when the same is said at these times."""
    found = []
    for now in times:
        series, step = book.enter(KEY, "name", now)
        if step != "nothing":
            series.written(series.count, now)
            found.append(series.count)
    return found


def test_a_quick_repetition_costs_few_writes() -> None:
    assert written(Book(), [i / 100 for i in range(1000)]) == [2**i for i in range(10)]


def test_a_slow_repetition_is_written_every_time() -> None:
    assert written(Book(), [i * 60.0 for i in range(6)]) == [1, 2, 3, 4, 5, 6]


def test_ten_minutes_of_silence_end_a_series() -> None:
    assert written(Book(), [0.0, 599.0, 1199.0]) == [1, 2, 1]


def test_nothing_is_counted_on_an_event_still_being_made() -> None:
    book = Book()
    assert book.enter(KEY, "name", 0.0)[1] == "create"
    assert book.enter(KEY, "name", 0.1)[1] == "nothing"


def test_an_event_that_could_not_be_made_is_tried_again() -> None:
    book = Book()
    book.enter(KEY, "name", 0.0)
    book.drop(KEY)
    assert book.enter(KEY, "other", 0.1)[1] == "create"


def test_the_book_forgets_what_is_over() -> None:
    book = Book()
    for i in range(1000):
        book.enter((str(i), "r", "n"), "name", float(i))
    book.enter(("last", "r", "n"), "name", 2000.0)
    assert len(book._series) == 1
