"""The writer: what it sends, how seldom, and what it does about trouble."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from inferencehealth.api.report import Health
from inferencehealth.checker import writer as writing
from inferencehealth.checker.reports import ReportRecord
from inferencehealth.checker.writer import Writer
from inferencehealth.kube.errors import ApiError, KubeError, NotFound
from inferencehealth.kube.store import Key

from .values import report

KEY: Key = ("ml", "triton")
SPACING = 0.05


class Api:
    """Takes what is applied, or raises what the test wants first."""

    def __init__(self) -> None:
        self.applied: list[dict[str, Any]] = []
        self.at: list[float] = []
        self.raises: list[KubeError] = []
        self.taken = asyncio.Condition()

    async def apply(self, resource: Any, name: str, body: dict[str, Any], **options: Any) -> None:
        assert options["subresource"] == "status"
        assert options["force"] is True
        assert options["manager"] == "inferencehealth-checker"
        async with self.taken:
            self.taken.notify_all()
            if self.raises:
                raise self.raises.pop(0)
            self.applied.append(body)
            self.at.append(asyncio.get_running_loop().time())

    async def wait_for(self, count: int) -> None:
        async with asyncio.timeout(5), self.taken:
            await self.taken.wait_for(lambda: len(self.applied) >= count)


class Source:
    """Says what the test wants about every report."""

    def __init__(self) -> None:
        self.known: ReportRecord | None = report()
        self.health: Health | None = Health(verdict="Ready")
        self.previous: list[Health | None] = []

    def record(self, key: Key) -> ReportRecord | None:
        return self.known

    def render(self, key: Key, previous: Health | None) -> Health | None:
        self.previous.append(previous)
        return None if self.health == previous else self.health


class Bench:
    def __init__(self) -> None:
        self.api, self.source = Api(), Source()
        self.writer = Writer(self.api, spacing=SPACING)  # type: ignore[arg-type]

    async def idle(self) -> None:
        """Until nothing is left to be written."""
        async with asyncio.timeout(5):
            while tasks := list(self.writer._tending.values()):
                await asyncio.wait(tasks)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    await made.writer.close(0)


async def test_nothing_is_written_before_it_is_opened(bench: Bench) -> None:
    bench.writer.mark(KEY)
    await asyncio.sleep(0)
    assert bench.source.previous == []
    bench.writer.open(bench.source)
    await bench.api.wait_for(1)
    assert bench.api.applied == [
        {
            "apiVersion": "inferencehealth.dev/v1alpha1",
            "kind": "InferenceHealthReport",
            "metadata": {"name": "triton", "namespace": "ml", "uid": "r1"},
            "status": {"health": Health(verdict="Ready").manifest()},
        }
    ]


async def test_what_is_written_already_is_not_written_again(bench: Bench) -> None:
    bench.source.known = report(health=bench.source.health)
    bench.writer.open(bench.source)
    bench.writer.mark(KEY)
    await bench.idle()
    assert bench.api.applied == []


async def test_what_was_sent_is_what_the_next_is_compared_with(bench: Bench) -> None:
    bench.writer.open(bench.source)
    bench.writer.mark(KEY)
    await bench.idle()
    bench.writer.mark(KEY)
    await bench.idle()
    assert len(bench.api.applied) == 1
    assert bench.source.previous[-1] == bench.source.health


async def test_many_marks_are_one_write_of_the_latest(bench: Bench) -> None:
    bench.writer.open(bench.source)
    bench.writer.mark(KEY)
    await bench.api.wait_for(1)
    for number in range(50):
        bench.source.health = Health(verdict="Broken", message=str(number))
        bench.writer.mark(KEY)
    await bench.idle()
    assert len(bench.api.applied) == 2
    assert bench.api.applied[1]["status"]["health"]["message"] == "49"
    assert bench.api.at[1] - bench.api.at[0] >= SPACING * 0.9


async def test_trouble_is_tried_again_with_what_is_known_by_then(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "MAX_BACKOFF", 0.01)
    bench.api.raises = [ApiError(500, "InternalError", "no"), ApiError(429, "TooMany", "later")]
    bench.writer.open(bench.source)
    bench.writer.mark(KEY)
    bench.source.health = Health(verdict="Broken")
    await bench.api.wait_for(1)
    assert bench.api.applied[0]["status"]["health"]["verdict"] == "Broken"


async def test_a_report_that_is_gone_is_forgotten(bench: Bench) -> None:
    bench.api.raises = [NotFound(404, "NotFound", "gone")]
    bench.writer.open(bench.source)
    bench.writer.mark(KEY)
    await bench.idle()
    assert bench.api.applied == []
    bench.source.known = None
    bench.writer.mark(KEY)
    await bench.idle()
    assert bench.writer._written == {}


async def test_a_report_made_anew_is_written_anew(bench: Bench) -> None:
    bench.writer.open(bench.source)
    bench.writer.mark(KEY)
    await bench.idle()
    bench.source.known = report(uid="r2")
    bench.writer.mark(KEY)
    await bench.idle()
    assert [body["metadata"]["uid"] for body in bench.api.applied] == ["r1", "r2"]


async def test_closing_finishes_what_is_marked(bench: Bench) -> None:
    bench.writer.open(bench.source)
    for number in range(40):
        bench.writer.mark(("ml", f"triton-{number}"))
    await bench.writer.close(5)
    assert len(bench.api.applied) == 40


async def test_closing_is_patient_only_so_long(bench: Bench) -> None:
    bench.api.raises = [ApiError(500, "InternalError", "no")] * 100
    bench.writer.open(bench.source)
    bench.writer.mark(KEY)
    await bench.writer.close(0.05)
    assert bench.writer._tending == {}
