"""A real server as a checker sees it over time: rounds, and their verdict."""

import asyncio
from dataclasses import dataclass

from e2e.servers.processes import LOOPBACK
from inferencehealth.api.report import CheckSpec
from inferencehealth.checker.rounds import check_pod, compile_check
from inferencehealth.checks.history import History, PodFacts, begin
from inferencehealth.checks.steps import Peer, Reading
from inferencehealth.checks.transports import ask
from inferencehealth.checks.verdict import judge


@dataclass(frozen=True, slots=True)
class Seen:
    """What the last round said, and the verdict on the pod after it."""

    sign: str
    reason: str
    verdict: str


class Watch:
    """A checker's memory of one pod, whose rounds are made when a test says so."""

    def __init__(self, check: CheckSpec, port: int) -> None:
        self._compiled = compile_check(check.model_copy(update={"port": port}))
        self._now = 0.0
        self._pod = PodFacts(uid="pod", ip=LOOPBACK, started_at=0.0)
        self._history: History = begin(self._pod, self._now)

    def look(self, rounds: int = 1) -> Seen:
        """What is seen after so many rounds, each an interval after the one before."""
        for _ in range(rounds):
            self._now += self._compiled.spec.interval
            reading = asyncio.run(check_pod(self._compiled, Peer(LOOPBACK), ask))
            self._judge(reading)
        return Seen(reading.sign.value, reading.reason, self._history.verdict.value)

    def restarted(self) -> None:
        """The kubelet started the container anew."""
        self._pod = PodFacts(uid="pod", ip=LOOPBACK, started_at=self._now, restarts=1)

    def _judge(self, reading: Reading) -> None:
        compiled = self._compiled
        self._history = judge(reading, self._pod, self._history, compiled.thresholds, self._now)
