"""What a pod costs in memory, beyond the informer's record of it."""

import gc
import tracemalloc

from inferencehealth.checker.engine import Engine
from inferencehealth.checks.steps import Answer, Peer, Request
from inferencehealth.kube.pods import PodRecord

from .values import OK, added, pod, report, spec

PODS = 400
BOUND = 2048
"""Bytes for each pod."""


async def ask(_peer: Peer, _port: int, _request: Request, **_: float) -> Answer:
    return OK


def engine() -> Engine:
    return Engine(
        ask=ask, identity="c-0", concurrency=10, mark=lambda _key: None, told=lambda _change: None
    )


def records() -> list[PodRecord]:
    """Pods of four reports."""
    return [
        pod(f"pod-{n}", app=f"app-{n % 4}", ip=f"10.{n // 65536}.{n // 256 % 256}.{n % 256}")
        for n in range(PODS)
    ]


async def test_a_pod_that_is_checked_takes_less_than_two_kibibytes() -> None:
    pods = records()
    subject = engine()
    for number in range(4):
        app = f"app-{number}"
        check = spec(podSelector={"matchLabels": {"app": app}})
        subject.on_report(added(report(app, check)))
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for each in pods:
            subject.on_pod(added(each))
        subject.start()
        for _ in range(3):
            for checked in list(subject.checked()):
                await subject._check(checked)
        gc.collect()
        taken = (tracemalloc.get_traced_memory()[0] - before) / PODS
    finally:
        tracemalloc.stop()
    assert sum(1 for _ in subject.checked()) == PODS
    assert 200 < taken < BOUND
