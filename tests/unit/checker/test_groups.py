"""A group of a LeaderWorkerSet: what its workers make of the reading of their leader."""

from dataclasses import replace
from typing import Any

import pytest

from inferencehealth.checker.groups import WORKER_BROKEN, WORKER_NOT_RUNNING, Workers, trouble
from inferencehealth.checks.steps import Reading, Sign
from inferencehealth.groups import GROUP_INDEX, SET_NAME, WORKER_INDEX
from inferencehealth.kube.pods import PodRecord

from .test_engine import World, world
from .values import REFUSED, added, deleted, modified, pod, report, spec

SERVES = Reading(Sign.SERVES, "Serving")


def member(group: int, index: int, *, ip: str = "", **changes: Any) -> PodRecord:
    name = f"llama-{group}" + (f"-{index}" if index else "")
    labels = {SET_NAME: "llama", GROUP_INDEX: str(group), WORKER_INDEX: str(index)}
    made = pod(name, ip=ip or f"10.0.{group}.{index + 1}", app="llama", **changes)
    return replace(made, labels={**made.labels, **labels})


def groups(*workers: PodRecord, size: int = 3) -> World:
    """Two groups of which the second is whole; `workers` are those of the first."""
    leaders = {"matchLabels": {SET_NAME: "llama", WORKER_INDEX: "0"}}
    asked = spec(podSelector=leaders, groupSize=size)
    whole = [member(1, 1), member(1, 2)]
    return world(report(check=asked), member(0, 0), member(1, 0), *whole, *workers)


async def test_a_group_is_ready_when_its_leader_serves_and_all_its_workers_run() -> None:
    w = groups(member(0, 1), member(0, 2))
    await w.round()
    said = w.said()
    assert (said.verdict, said.pods_serving) == ("Ready", "2/2")
    assert [each.name for each in said.pods] == ["llama-0", "llama-1"], "leaders are counted"


@pytest.mark.parametrize(
    ("workers", "verdict", "reason", "named"),
    [
        ([], "Loading", WORKER_NOT_RUNNING, "worker llama-0-1 is not there"),
        ([1], "Loading", WORKER_NOT_RUNNING, "worker llama-0-2 is not there"),
        ([1, "pending"], "Loading", WORKER_NOT_RUNNING, "worker llama-0-2: the pod is being"),
        ([1, "deleting"], "Loading", WORKER_NOT_RUNNING, "worker llama-0-2 is not there"),
        ([1, "ended"], "Loading", WORKER_NOT_RUNNING, "worker llama-0-2: its container server"),
        ([1, "crashing"], "Broken", WORKER_BROKEN, "worker llama-0-2: the container keeps"),
        (["crashing"], "Broken", WORKER_BROKEN, "worker llama-0-2: the container keeps"),
    ],
)
async def test_a_worker_that_does_not_run_is_named(
    workers: list[Any], verdict: str, reason: str, named: str
) -> None:
    second = {
        "pending": {"started_at": None},
        "deleting": {"deleting": True},
        "ended": {"started_at": None},
        "crashing": {"started_at": None, "waiting": "CrashLoopBackOff"},
    }
    made = [member(0, 1)] if 1 in workers else []
    for each in workers:
        if each != 1:
            two = member(0, 2, **second[each])
            made.append(replace(two, ip="", phase="Pending") if each == "pending" else two)
    w = groups(*made)
    await w.round()
    said = w.said()
    assert (said.verdict, said.reason) == (verdict, reason)
    assert named in said.message
    assert said.pods_serving == "1/2"


async def test_a_worker_that_goes_takes_its_group_out_and_brings_it_back() -> None:
    first, second = member(0, 1), member(0, 2)
    w = groups(first, second)
    await w.round()
    w.engine.on_pod(deleted(second))
    await w.round()
    await w.round()
    assert (w.said().verdict, w.said().reason) == ("Loading", WORKER_NOT_RUNNING)
    w.engine.on_pod(added(replace(second, uid="another")))
    await w.round()
    assert w.said().verdict == "Ready"


async def test_a_group_without_a_worker_for_longer_than_it_may_load_is_broken() -> None:
    w = groups(member(0, 1))
    await w.round()
    w.watch(601)
    for _ in range(3):
        await w.round()
    said = w.said()
    assert (said.verdict, said.reason) == ("Broken", "LoadingTooLong")
    assert "worker llama-0-2 is not there" in said.message


async def test_a_worker_that_crashes_explains_why_its_leader_is_silent() -> None:
    w = groups(member(0, 1), member(0, 2, waiting="CrashLoopBackOff", started_at=None))
    w.answers["10.0.0.1"] = REFUSED
    w.watch(700)
    for _ in range(3):
        await w.round()
    assert w.said().reason == WORKER_BROKEN


def test_a_leaders_own_failure_and_our_own_blindness_are_not_explained_away() -> None:
    workers = Workers()
    for sign in (Sign.FAILS, Sign.UNKNOWN):
        own = Reading(sign, "Own")
        assert workers.weigh(own, member(0, 0), 2) is own


def test_pods_that_serve_alone_are_left_as_they_are() -> None:
    assert Workers().weigh(SERVES, member(0, 0), 1) is SERVES


def test_one_that_cannot_start_is_told_before_one_that_is_still_to_come() -> None:
    crashing = member(0, 2, waiting="CrashLoopBackOff", started_at=None)
    found = trouble("llama-0", 4, [crashing])
    assert found is not None
    assert (found.sign, found.reason) == (Sign.FAILS, WORKER_BROKEN)


def test_workers_that_are_gone_leave_nothing_behind() -> None:
    workers, one = Workers(), member(0, 1)
    workers.on_pod(added(one))
    workers.on_pod(modified(one, deleting=True))
    workers.on_pod(deleted(replace(one, deleting=True)))
    workers.on_pod(added(member(0, 0)))
    assert workers == Workers()
