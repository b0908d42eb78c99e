"""One canary with one model of one pod: what is asked before, the request itself, and after."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from inferencehealth.api.canary import Canary
from inferencehealth.checker.canary import MAX_WAITS, CanaryState
from inferencehealth.checker.outgoing import outgoing
from inferencehealth.checker.references import References
from inferencehealth.checker.rounds import Ask, Compiled
from inferencehealth.checker.traffic import Told, told
from inferencehealth.checks import progress as counters
from inferencehealth.checks.progress import PROGRESSING, Sample
from inferencehealth.checks.steps import Answer, Outcome, Peer, Reading, Request, Sign, told_path
from inferencehealth.profiles.auto_canary import (
    MAX_UNUSED,
    NOT_BUILT,
    AutoCanary,
    Cannot,
    NotNow,
    Target,
    Way,
    canary_request,
    needs_key,
    not_built,
    unproven,
)
from inferencehealth.profiles.canary import CanaryRequest

_BAD: Final = 300
"""Statuses from here on are no answer to what was asked."""
_ALIVE: Final = Reading(
    Sign.BUSY,
    PROGRESSING,
    "busy: the canary gets no answer in time, but the engine that it waits for works",
    timed=True,
)


@dataclass(frozen=True, slots=True)
class Sent:
    """What a canary came to; `seconds` is None where it could not be sent. `words` tell what it
    asked, without anything that is secret. `refused`: the server did not take it as it is."""

    reading: Reading
    seconds: float | None = None
    words: str = ""
    refused: bool = False


@dataclass(slots=True)
class Exchange:
    """The requests of one canary, and the pages that were read on the way.

    `own` is by how much the canary itself may move the server's counters.
    """

    ask: Ask
    peer: Peer
    compiled: Compiled
    target: Target
    references: References | None
    namespace: str
    clock: Callable[[], float]
    own: float = 0.0
    _used: str = ""
    _pages: dict[Request, Answer] = field(default_factory=dict)
    _ways: dict[Request, Way] = field(default_factory=dict)
    _sent: Way | None = None
    _last: Answer | None = None

    @property
    def later(self) -> float:
        """Seconds for which the server wants no other request."""
        return self._last.retry_in if self._last else 0.0

    @property
    def asked(self) -> Canary:
        """What the policy says of canaries."""
        return self.compiled.spec.canary or Canary()

    async def look(self, before: Sample | None) -> Sample | None:
        """The server's counters as far as they are about the model."""
        progress = self.compiled.progress
        if progress is None or (progress.model_label and not self.target.name):
            # Where models are counted apart, another one's progress proves nothing.
            return None
        page = await self._read(progress.request)
        self._pages[progress.request] = page
        model = self.target.name
        return counters.sample(progress, page, before, self.clock(), model=model)

    def traffic(self, state: CanaryState, seen: Sample | None, interval: float) -> Told | None:
        """What the counters say in the canary's place; None: it is to be sent."""
        progress = self.compiled.progress
        if progress is None or state.silences:
            return None
        held = state.verdict
        return told(progress, state.sample, seen, held, interval=interval, own=state.own)

    async def ways(self) -> tuple[CanaryRequest, ...] | Reading | NotNow:
        """What may be sent, the likeliest first; or why nothing can be, or should be."""
        if self.compiled.canary is not None:
            return (self.compiled.canary,)
        auto = self.compiled.auto
        if auto is None:
            return NotNow()
        answers = await self._about(auto)
        if isinstance(answers, Reading):
            return answers
        self._used = auto.used(self.target, answers)
        built = auto.build(self.target, answers)
        if isinstance(built, Cannot):
            return not_built(self.target, built.why)
        if isinstance(built, NotNow):
            return built
        return tuple(self._request(auto, way) for way in built)

    def unused(self, state: CanaryState) -> bool:
        """Whether nobody else has used the model for so long that we would keep it loaded."""
        return bool(self._used) and self._used == state.used and state.unused >= MAX_UNUSED

    async def noted(self, state: CanaryState) -> CanaryState:
        """The state with what tells later on whether anybody else used the model."""
        auto = self.compiled.auto
        if auto is None or not self._used:
            return state
        self._pages.clear()
        answers = await self._about(auto)
        now = "" if isinstance(answers, Reading) else auto.used(self.target, answers)
        return replace(state, used=now, unused=state.unused + 1 if self._used == state.used else 0)

    async def send(self, canary: CanaryRequest) -> Sent:
        """The canary's way to the server and back."""
        request = await outgoing(canary, self.namespace, self.references)
        if isinstance(request, Reading):
            return Sent(request)
        if self.compiled.progress is not None:
            self.own = self.compiled.progress.own
        port = request.port or self.compiled.spec.port
        answer = await self.ask(self.peer, port, request, timeout=canary.timeout)
        self._last, self._sent = answer, self._ways.get(canary.request)
        words = self._sent.words if self._sent else ""
        told = f"{request.method} {told_path(request.path)}" + (f": {words}" if words else "")
        reading = canary.read(answer)
        refused = reading.reason == NOT_BUILT and answer.status >= _BAD
        return Sent(reading, answer.seconds, told, refused)

    def doubted(self, reading: Reading, *, proven: bool) -> Reading:
        """The reading, unless what failed may be what we built."""
        auto = self.compiled.auto
        if proven or auto is None or self._last is None:
            return reading
        return unproven(auto, self.target, reading, self._last) or reading

    async def evidence(
        self, reading: Reading, before: Sample | None, *, waits: int
    ) -> tuple[Sample | None, Reading | None]:
        """What the counters, or the engine itself, say of a server that gave no answer."""
        progress = self.compiled.progress
        if reading.sign is not Sign.SILENT:
            return before, None
        after, verdict = before, None
        if progress is not None:
            after = await self.look(before)
            verdict = counters.judge(progress, before, after)
        alive = self._sent.alive if self._sent else None
        if verdict is None and alive is not None and waits < MAX_WAITS:
            answer = await self._with_key(alive)
            works = isinstance(answer, Answer) and answer.outcome is Outcome.ANSWERED
            if works and isinstance(answer, Answer) and answer.status == 200:
                verdict = _ALIVE
        return after, verdict

    def _request(self, auto: AutoCanary, way: Way) -> CanaryRequest:
        self._ways[way.request] = way
        return canary_request(self.asked, auto, self.target, way)

    async def _about(self, auto: AutoCanary) -> tuple[Answer, ...] | Reading:
        """What has to be known before, or why nobody tells us."""
        answers: list[Answer] = []
        for request in auto.about(self.target):
            page = self._pages.get(request) or await self._with_key(request)
            if isinstance(page, Reading):
                return page
            if denied := needs_key(page):
                return denied
            answers.append(page)
        return tuple(answers)

    async def _with_key(self, request: Request) -> Answer | Reading:
        """An answer to a question before the canary, asked with the canary's headers."""
        asked = self.asked.headers_from
        secret = asked.secret_ref.name if asked else ""
        canary = CanaryRequest(request, 0.0, 0.0, lambda _answer: Reading(Sign.SERVES), secret)
        full = await outgoing(canary, self.namespace, self.references)
        return full if isinstance(full, Reading) else await self._read(full)

    async def _read(self, request: Request) -> Answer:
        spec = self.compiled.spec
        return await self.ask(self.peer, request.port or spec.port, request, timeout=spec.timeout)
