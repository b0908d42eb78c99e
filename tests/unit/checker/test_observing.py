"""What the engine learns by the way: loads, differences with the kubelet, latencies."""

from dataclasses import replace
from typing import Any

from inferencehealth.api.report import Health
from inferencehealth.checker.engine import Difference, Engine
from inferencehealth.checks.clock import Clock
from inferencehealth.checks.steps import Answer, Outcome, Peer, Request
from inferencehealth.kube.pods import PodRecord

from .values import REFUSED, START, added, modified, pod, report, spec

KEY = ("ml", "triton")
BROKEN = Answer(Outcome.ANSWERED, 500, seconds=0.004)


class World:
    """One report with one pod, whose server answers as the test says."""

    def __init__(self, *, health: Health | None = None, **changes: Any) -> None:
        self.now = START + 0.0
        self.answer = Answer(Outcome.ANSWERED, 200, seconds=0.004)
        self.marked = 0
        self.differences: list[Difference] = []
        self.engine = Engine(
            ask=self._ask,
            identity="c-0",
            concurrency=10,
            mark=self._mark,
            told=lambda _transition: None,
            differs=self.differences.append,
            node_type={"n1": "g5.xlarge"}.__getitem__,
            clock=Clock(wall=lambda: self.now, steady=lambda: self.now),
            sleepless=lambda: self.now,
        )
        self.pod = self._made(**changes)
        check = spec(kubeletLag="40s", keepAlive=False)
        self.engine.on_report(added(report(check=check, health=health)))
        self.engine.on_pod(added(self.pod))
        self.engine.start()

    def _made(self, **changes: Any) -> PodRecord:
        made = pod()
        server = replace(made.containers[0], image="triton:1", **changes)
        return replace(made, containers=(server,), ready_since=START)

    async def _ask(self, _peer: Peer, _port: int, _request: Request, **_: float) -> Answer:
        return self.answer

    def _mark(self, _key: object) -> None:
        self.marked += 1

    async def rounds(self, number: int, answer: Answer | None = None) -> None:
        self.answer = answer or self.answer
        for _ in range(number):
            for _ in range(10):
                self.now += 1
                self.engine.attention.look()
            for checked in list(self.engine.checked()):
                await self.engine._check(checked)

    def turns(self, **changes: Any) -> None:
        """Kubernetes says something else about the pod from now on."""
        after = modified(self.pod, **changes)
        assert after.new is not None
        self.pod = after.new
        self.engine.on_pod(after)

    def said(self, previous: Health | None = None) -> Health:
        found = self.engine.render(KEY, previous)
        assert found is not None
        return found


OK = Answer(Outcome.ANSWERED, 200, seconds=0.004)


async def test_a_watched_load_is_told_with_image_and_kind_of_node() -> None:
    w = World()
    await w.rounds(4, REFUSED)
    await w.rounds(1, OK)
    (load,) = w.said().startups
    assert (load.image, load.node_type, load.count, load.max) == ("triton:1", "g5.xlarge", 1, 50)


async def test_loads_of_whoever_had_the_report_before_are_kept() -> None:
    before = World()
    await before.rounds(2, REFUSED)
    await before.rounds(1, OK)
    after = World(health=before.said(), started_at=START)
    await after.rounds(3)
    assert after.said().startups == before.said().startups


async def test_a_steady_pod_is_written_about_no_more_whatever_its_latency() -> None:
    w = World()
    await w.rounds(3, OK)
    said = w.said()
    assert said.pods[0].latency > 0
    w.marked = 0
    await w.rounds(60, Answer(Outcome.ANSWERED, 200, seconds=1.5))
    assert w.marked == 0
    assert w.engine.render(KEY, said) is None
    w.turns(ready=False)
    assert w.said(said).pods[0].latency > 1


async def test_a_lasting_difference_with_the_kubelet_is_a_finding_until_it_ends() -> None:
    w = World()
    await w.rounds(3, OK)
    await w.rounds(2, BROKEN)
    said = w.said()
    assert (said.verdict, said.findings) == ("Broken", ())
    await w.rounds(3)
    assert w.engine.render(KEY, said) is None
    w.marked = 0
    await w.rounds(1)
    (finding,) = w.said(said).findings
    assert finding.id == "KubeletReadyButBroken"
    assert finding.container == "server"
    assert w.marked == 1
    await w.rounds(5)
    assert w.marked == 1
    assert [d.contradiction.value for d in w.differences] == ["KubeletReadyButBroken"]
    w.turns(ready=False, ready_since=int(w.now))
    assert w.said(said).findings == ()


async def test_a_probe_that_asks_in_the_wrong_place_is_found() -> None:
    w = World(ready=False)
    w.turns(ready=False)
    await w.rounds(6, OK)
    (finding,) = w.said().findings
    assert finding.id == "KubeletNotReadyButServing"
    assert w.said().verdict == "Ready"


async def test_a_container_that_the_pod_has_not_is_named() -> None:
    w = World()
    w.turns(containers=(replace(w.pod.containers[0], name="other"),))
    await w.rounds(1)
    told = w.said().pods[0]
    assert (told.verdict, told.reason) == ("Unknown", "ContainerNotFound")
    assert 'no container "server"' in told.message
    assert "spec.target.container" in told.message
