"""The kubelet's judgement of the same server, beside ours: a copy of its HTTP prober.

After pkg/kubelet/prober (worker.go, and probe/http): a probe a period, one that lasts longer
delays the next, 200 to 399 is good, failures in a row count, and a success ends the startup probe.
"""

import asyncio
from dataclasses import dataclass, field

from e2e.servers.processes import LOOPBACK
from inferencehealth.checks import transports
from inferencehealth.checks.steps import Outcome, Peer, Request
from inferencehealth.kubelet import DEFAULT_FAILURES, DEFAULT_PERIOD, DEFAULT_TIMEOUT, Numbers

USUAL = Numbers(0, DEFAULT_PERIOD, DEFAULT_TIMEOUT, DEFAULT_FAILURES)
"""What a probe without numbers has: one second, three times."""


@dataclass(slots=True)
class Prober:
    """One probe of one container, its periods divided by `pace`.

    Its timeouts are the real ones, because servers answer in real time; `hurried` divides them
    too, for a server that will not answer however long one waits. `held` is a liveness probe
    before the startup probe has succeeded. `acted` is whether the kubelet would have acted since
    `begin`, and `settled` set once it has, or has had enough probes to act; `status` is what the
    last probe was answered, 0 for nothing.
    """

    port: int
    path: str
    numbers: Numbers
    pace: float
    held: bool = False
    hurried: bool = False
    acted: bool = False
    status: int = 0
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    _failures: int = 0
    _probes: int = 0
    _tick: asyncio.Event = field(default_factory=asyncio.Event)

    def begin(self) -> None:
        """Another fault begins: what was before does not count."""
        self._failures, self._probes, self.acted = 0, 0, False
        self.settled.clear()

    async def run(self) -> None:
        """Probe until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            self._tick.clear()
            due = loop.call_later(self.numbers.period / self.pace, self._tick.set)
            try:
                await self._probe()
                await self._tick.wait()
            finally:
                due.cancel()

    async def _probe(self) -> None:
        timeout = self.numbers.timeout / (self.pace if self.hurried else 1)
        answer = await transports.ask(
            Peer(LOOPBACK), self.port, Request(self.path), timeout=timeout
        )
        self.status = answer.status if answer.outcome is Outcome.ANSWERED else 0
        good = 200 <= self.status < 400
        self.held = self.held and not good
        self._failures = 0 if good or self.held else self._failures + 1
        self.acted = self.acted or self._failures >= self.numbers.failures
        self._probes += 1
        if self.acted or self._probes > self.numbers.failures:
            self.settled.set()
