"""Which pods with a gate are decided about together, and when."""

from dataclasses import replace
from typing import Any

import pytest

from inferencehealth.api.gate import GateLimits
from inferencehealth.checker.engine import Engine
from inferencehealth.checker.gated import STRAY_LIMITS, STRAYS, Gated
from inferencehealth.checker.gates import GatedPods
from inferencehealth.checker.shards import alone
from inferencehealth.checks.clock import Clock
from inferencehealth.checks.verdicts import Verdict
from inferencehealth.kube.pods import GateRecord, PodRecord
from inferencehealth.kube.store import Change, Key

from .values import START, added, deleted, modified, pod, report, spec

REPORT: Key = ("ml", "triton")
GATED = GateRecord(containers_ready_at=START)


def gated_pod(name: str = "triton-0", **changes: Any) -> PodRecord:
    return replace(pod(name, **changes), gate=GATED)


class Bench:
    """An engine that asks nobody, with the pods gathered behind it."""

    def __init__(self) -> None:
        self.marked: list[Key] = []
        self.now = float(START)
        self.not_mine: set[str] = set()
        self.engine = Engine(
            ask=self.ask,
            identity="test",
            concurrency=1,
            mark=lambda _: None,
            told=lambda _: None,
            clock=Clock(wall=lambda: self.now, steady=lambda: self.now),
        )
        self.gated = Gated(
            work=self.engine.work,
            report_of=self.engine.report_of,
            mark=self.marked.append,
            mine=lambda uid: uid not in self.not_mine,
            clock=lambda: self.now,
        )

    async def ask(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("nobody is to be asked")

    def pod(self, change: Change[PodRecord]) -> None:
        self.engine.on_pod(change)
        self.gated.on_pod(change)

    def report(self, change: Change[Any]) -> None:
        self.engine.on_report(change)
        self.gated.on_report(change)

    def found(self, key: Key) -> GatedPods:
        pods = self.gated.pods(key)
        assert pods is not None
        return pods


@pytest.fixture
async def bench() -> Bench:
    return Bench()


async def test_a_report_tells_its_pods_that_carry_the_gate(bench: Bench) -> None:
    limits = GateLimits(floor=2)
    bench.report(added(report(check=spec(gate=limits.manifest()))))
    bench.pod(added(gated_pod("triton-0")))
    bench.pod(added(pod("triton-1")))
    found = bench.found(REPORT)
    assert found.report is not None
    assert found.report.key == REPORT
    assert found.limits == limits
    (told,) = found.pods
    assert (told.name, told.verdict, told.gate) == ("triton-0", Verdict.UNKNOWN, GATED)
    assert bench.found(STRAYS).pods == ()
    assert bench.marked == [REPORT]


async def test_a_report_that_asks_for_no_gate_still_tells_its_pods_that_have_one(
    bench: Bench,
) -> None:
    bench.report(added(report()))
    bench.pod(added(gated_pod()))
    found = bench.found(REPORT)
    assert found.limits is None
    assert len(found.pods) == 1


async def test_a_report_of_another_checker_is_not_told(bench: Bench) -> None:
    assert bench.gated.pods(REPORT) is None


@pytest.mark.parametrize(
    "changes",
    [{"gate": replace(GATED, status="True")}, {"gate": replace(GATED, containers_ready_at=None)}],
)
async def test_what_matters_to_a_gate_is_marked(bench: Bench, changes: dict[str, Any]) -> None:
    bench.report(added(report()))
    bench.pod(added(gated_pod()))
    bench.marked.clear()
    bench.pod(modified(gated_pod(), phase="Running"))
    assert bench.marked == []
    bench.pod(modified(gated_pod(), **changes))
    assert bench.marked == [REPORT]


async def test_a_pod_of_no_report_is_a_stray_since_it_was_noticed(bench: Bench) -> None:
    bench.pod(added(gated_pod()))
    bench.pod(added(pod("bare")))
    assert bench.marked == [STRAYS]
    bench.now += 5
    (stray,) = bench.found(STRAYS).pods
    assert (stray.name, stray.verdict, stray.since) == ("triton-0", Verdict.UNKNOWN, START + 5)
    bench.now += 5
    (stray,) = bench.found(STRAYS).pods
    assert stray.since == START + 5
    assert bench.found(STRAYS).limits == STRAY_LIMITS


async def test_strays_are_shared_among_checkers(bench: Bench) -> None:
    bench.not_mine = {"uid-triton-0"}
    bench.pod(added(gated_pod("triton-0")))
    bench.pod(added(gated_pod("triton-1")))
    assert [each.name for each in bench.found(STRAYS).pods] == ["triton-1"]


async def test_strays_of_a_checker_that_left_are_looked_at(bench: Bench) -> None:
    bench.gated.divide(alone("test"))
    assert bench.marked == []
    bench.pod(added(gated_pod()))
    bench.marked.clear()
    bench.gated.divide(alone("test"))
    assert bench.marked == [STRAYS]


async def test_pods_become_strays_when_their_report_goes_and_stop_when_one_comes(
    bench: Bench,
) -> None:
    bench.report(added(report()))
    bench.pod(added(gated_pod()))
    bench.marked.clear()
    bench.report(deleted(report()))
    assert bench.marked == [STRAYS]
    assert len(bench.found(STRAYS).pods) == 1
    bench.report(added(report()))
    assert bench.found(STRAYS).pods == ()


async def test_a_report_that_only_changed_its_status_changes_no_gate(bench: Bench) -> None:
    bench.report(added(report()))
    bench.pod(added(gated_pod()))
    bench.marked.clear()
    bench.report(modified(report(), health=None))
    assert bench.marked == []


async def test_a_pod_that_goes_is_forgotten(bench: Bench) -> None:
    bench.pod(added(gated_pod()))
    bench.pod(modified(gated_pod(), deleting=True))
    assert bench.found(STRAYS).pods == ()
    bench.pod(deleted(gated_pod()))
    assert bench.found(STRAYS).pods == ()
