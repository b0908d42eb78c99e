"""The keeper of gates: what it sends, in which order, how seldom, and what trouble does to it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from inferencehealth.api.gate import GateLimits
from inferencehealth.checker import gates as keeping
from inferencehealth.checker.gates import GatedPods, Gates
from inferencehealth.checker.gating import FAILED_OPEN, GateChange, GatedPod, Step
from inferencehealth.checker.reports import ReportRecord
from inferencehealth.checks.verdicts import Verdict
from inferencehealth.kube.errors import ApiError, Cause, Forbidden, Invalid, KubeError, NotFound
from inferencehealth.kube.pods import GateRecord
from inferencehealth.kube.store import Key

WORKLOAD: Key = ("ml", "deployment-triton")
LIMITS = GateLimits(fail_open_after=60.0, floor=0)
NOW = 10_000.0


class Api:
    """Takes what is applied, or raises what the test wants first; waits while it is held."""

    def __init__(self) -> None:
        self.applied: list[tuple[str, str, str]] = []
        self.bodies: list[dict[str, Any]] = []
        self.raises: list[KubeError] = []
        self.free = asyncio.Event()
        self.free.set()
        self.taken = asyncio.Condition()

    async def apply(self, resource: Any, name: str, body: dict[str, Any], **options: Any) -> None:
        assert resource.plural == "pods"
        assert options["subresource"] == "status"
        assert options["manager"] == "inferencehealth-checker"
        async with self.taken:
            await self.free.wait()
            self.taken.notify_all()
            if self.raises:
                raise self.raises.pop(0)
            (condition,) = body["status"]["conditions"]
            assert condition["type"] == "inferencehealth.dev/models-ready"
            self.applied.append((name, condition["status"], condition["reason"]))
            self.bodies.append(body)

    async def wait_for(self, count: int) -> None:
        async with asyncio.timeout(5), self.taken:
            await self.taken.wait_for(lambda: len(self.applied) >= count)


class Bench:
    """A keeper with pods as the test says."""

    def __init__(self) -> None:
        self.api = Api()
        self.pods: dict[str, GatedPod] = {}
        self.limits: GateLimits | None = LIMITS
        self.told: list[tuple[str, Step]] = []
        self.refused: list[str] = []
        self.asked = 0
        self.news = asyncio.Event()
        self.now = NOW
        self.gates = Gates(self.api, self.tell, self.refuse, clock=lambda: self.now)  # type: ignore[arg-type]

    def source(self, workload: Key) -> GatedPods | None:
        assert workload == WORKLOAD
        self.asked += 1
        self.news.set()
        return GatedPods(None, tuple(self.pods.values()), self.limits)

    def tell(self, report: ReportRecord | None, change: GateChange) -> None:
        self.told.append((change.pod.name, change.step))

    def refuse(self, report: ReportRecord | None, why: str) -> None:
        self.refused.append(why)

    def put(self, name: str, verdict: Verdict, status: str = "", **changes: Any) -> None:
        """A pod is so from now on."""
        fields: dict[str, Any] = {
            "reason": "Reason",
            "message": "why",
            "since": NOW,
            "served": False,
            "ready": status == "True",
            "gate": GateRecord(status, "", None, int(NOW)),
        }
        self.pods[name] = GatedPod(
            namespace="ml", name=name, uid=f"uid-{name}", verdict=verdict, **(fields | changes)
        )
        self.gates.mark(WORKLOAD)

    async def until_asked(self) -> None:
        """Until it has looked again."""
        self.news.clear()
        async with asyncio.timeout(5):
            await self.news.wait()

    async def decided(self) -> None:
        """Until it has looked again and has nothing under way."""
        self.gates.mark(WORKLOAD)
        await self.until_asked()
        async with asyncio.timeout(5):
            while tasks := list(self.gates._writing):
                await asyncio.wait(tasks)


@pytest.fixture
async def bench(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    monkeypatch.setattr(keeping, "SETTLE", 0.001)
    monkeypatch.setattr(keeping, "MAX_BACKOFF", 0.001)
    made = Bench()
    made.gates.open(made.source)
    yield made
    await made.gates.close()


async def test_a_pod_that_serves_is_let_in_and_told(bench: Bench) -> None:
    bench.put("a", Verdict.READY)
    await bench.api.wait_for(1)
    assert bench.api.bodies == [
        {
            "metadata": {"name": "a", "namespace": "ml", "uid": "uid-a"},
            "status": {
                "conditions": [
                    {
                        "type": "inferencehealth.dev/models-ready",
                        "status": "True",
                        "reason": "Serving",
                        "message": "the operator's own checks say that it serves",
                        "lastTransitionTime": "1970-01-01T02:46:40Z",
                    }
                ]
            },
        }
    ]
    await bench.decided()
    assert bench.told == [("a", Step.ADMIT)]


async def test_nothing_is_written_before_it_is_opened() -> None:
    closed = Bench()
    closed.put("a", Verdict.READY)
    await asyncio.sleep(0)
    assert closed.asked == 0
    closed.gates.open(closed.source)
    await closed.api.wait_for(1)
    await closed.gates.close()


async def test_what_was_set_is_not_set_again_before_the_watch_brings_it(bench: Bench) -> None:
    bench.put("a", Verdict.READY)
    await bench.api.wait_for(1)
    for _ in range(3):
        await bench.decided()
    assert len(bench.api.applied) == 1


async def test_what_the_watch_brings_counts_more_than_what_was_set(bench: Bench) -> None:
    bench.put("a", Verdict.READY)
    await bench.api.wait_for(1)
    bench.put("a", Verdict.READY, "False", served=True)
    await bench.api.wait_for(2)
    assert bench.api.applied[1] == ("a", "True", "Serving")


async def test_a_steady_workload_is_never_written(bench: Bench) -> None:
    bench.put("a", Verdict.READY, "True")
    bench.put("b", Verdict.BROKEN, "False")
    for _ in range(3):
        await bench.decided()
    assert bench.api.applied == []


async def test_new_pods_go_before_those_that_close(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "CONCURRENCY", 1)
    bench.api.free.clear()
    bench.put("first", Verdict.BROKEN, "True")
    await bench.until_asked()
    for number in range(3):
        bench.put(f"closing-{number}", Verdict.BROKEN, "True")
    bench.put("new", Verdict.READY)
    await bench.until_asked()
    bench.api.free.set()
    await bench.api.wait_for(5)
    assert [name for name, _, _ in bench.api.applied][:2] == ["first", "new"]


async def test_trouble_is_tried_again_with_what_is_right_by_then(bench: Bench) -> None:
    bench.api.raises = [ApiError(500, "InternalError", "no"), ApiError(429, "TooMany", "later")]
    bench.put("a", Verdict.BROKEN, "True")
    async with asyncio.timeout(5), bench.api.taken:
        await bench.api.taken.wait_for(lambda: not bench.api.raises)
    bench.put("a", Verdict.READY, "False", served=True)
    await bench.api.wait_for(1)
    assert bench.api.applied == [("a", "True", "Serving")]
    await bench.decided()
    assert bench.gates._tended[WORKLOAD].failures == {}


async def test_a_right_that_we_lack_is_told(bench: Bench) -> None:
    bench.api.raises = [Forbidden(403, "Forbidden", "you may not patch pods/status")]
    bench.put("a", Verdict.READY)
    await bench.api.wait_for(1)
    assert bench.refused == ["you may not patch pods/status"]


async def test_another_pod_of_the_same_name_counts_as_gone(bench: Bench) -> None:
    cause = Cause("FieldValueInvalid", "metadata.uid", "field is immutable")
    bench.api.raises = [Invalid(422, "Invalid", "no", causes=(cause,))]
    bench.put("a", Verdict.READY)
    await bench.api.wait_for(1)
    assert bench.gates._tended[WORKLOAD].failures == {}


async def test_a_condition_that_is_not_accepted_is_trouble(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.api.raises = [Invalid(422, "Invalid", "an admission policy says no")]
    bench.put("a", Verdict.READY)
    await bench.api.wait_for(1)
    assert "an admission policy says no" in caplog.text


async def test_a_pod_that_is_gone_is_no_trouble(bench: Bench) -> None:
    bench.api.raises = [NotFound(404, "NotFound", "gone")]
    bench.put("a", Verdict.READY)
    async with asyncio.timeout(5), bench.api.taken:
        await bench.api.taken.wait_for(lambda: not bench.api.raises)
    bench.pods.clear()
    await bench.decided()
    assert bench.api.applied == []
    assert bench.gates._tended == {}


async def test_what_nobody_can_judge_is_let_in_by_the_clock(bench: Bench) -> None:
    bench.limits = replace_limits(0.05)
    bench.put("a", Verdict.UNKNOWN)
    await bench.decided()
    assert bench.api.applied == []
    bench.now += 1
    await bench.api.wait_for(1)  # nobody marked it meanwhile
    assert bench.api.applied == [("a", "True", FAILED_OPEN)]


def replace_limits(fail_open_after: float) -> GateLimits:
    return LIMITS.model_copy(update={"fail_open_after": fail_open_after})


async def test_gates_that_nobody_asks_for_any_more_are_opened(bench: Bench) -> None:
    bench.limits = None
    bench.put("a", Verdict.BROKEN, "False")
    await bench.api.wait_for(1)
    assert bench.api.applied == [("a", "True", "NotAsked")]


async def test_a_new_pod_of_the_same_name_is_another_pod(bench: Bench) -> None:
    bench.put("a", Verdict.READY)
    await bench.api.wait_for(1)
    bench.pods["a"] = replace(bench.pods["a"], uid="uid-2")
    bench.gates.mark(WORKLOAD)
    await bench.api.wait_for(2)
    assert [body["metadata"]["uid"] for body in bench.api.bodies] == ["uid-a", "uid-2"]


class Leave:
    """Lets the keeper write when the test says."""

    def __init__(self) -> None:
        self.given = asyncio.Event()
        self.asked = asyncio.Event()

    def may_write(self) -> bool:
        self.asked.set()
        return self.given.is_set()

    async def permission(self) -> None:
        await self.given.wait()


async def test_without_leave_marks_are_kept_for_later() -> None:
    barred, leave = Bench(), Leave()
    barred.gates.open(barred.source, leave)
    barred.put("a", Verdict.READY)
    await asyncio.wait_for(leave.asked.wait(), 5)
    assert barred.asked == 0
    leave.given.set()
    await barred.api.wait_for(1)
    await barred.gates.close()
