"""One exchange as the fuzzers see it: bytes of a server, read by a profile, judged. No network.

The first byte of an input chooses the profile; the second how the rest is cut into packets, and
whether the rest is a whole answer or the body of one that is framed as it should be.
"""

from dataclasses import replace
from typing import Final

from inferencehealth.api.report import CheckSpec
from inferencehealth.checker.podproxy import read as read_proxied
from inferencehealth.checks.history import PodFacts, Thresholds, begin
from inferencehealth.checks.response import Response
from inferencehealth.checks.steps import Answer, Outcome, Reading, Sign, Step
from inferencehealth.checks.verdict import judge
from inferencehealth.checks.verdicts import Verdict
from inferencehealth.kube.transport import Relayed
from inferencehealth.profiles.registry import PROFILES
from tests.fuzz.hostile import HOSTILE, framed

MAX_BODY: Final = 64 * 1024
MAX_MESSAGE: Final = 4096
"""Characters of a reading's message, well above what any makes; a server's words are 200."""
AS_BODY: Final = 128
"""Added to an input's second byte: the rest is a body."""

FACTS: Final = PodFacts("uid", "10.0.0.1", started_at=0.0)
THRESHOLDS: Final = Thresholds(failures=3, successes=1, startup_budget=600.0)


def spec_of(profile: str) -> CheckSpec:
    """A check of that server that asks for models, components and, if it is custom, schemas."""
    shown = {"jsonSchema": {"properties": {"status": {"enum": ["healthy", "ready"]}}}}
    endpoint = {"path": "/x", "expect": shown, "loading": {"status": [503]}}
    return CheckSpec.model_validate(
        {
            "profile": profile,
            "container": "server",
            "port": 8000,
            "podSelector": {"matchLabels": {"app": "server"}},
            "models": {"required": [{"name": "m", "version": "1"}], "discover": True},
            "components": {"required": ["redis"], "optional": ["asr"]},
            "endpoints": {"ready": endpoint, "components": endpoint}
            if profile == "custom"
            else None,
            "interval": "10s",
            "timeout": "5s",
            "failureThreshold": 3,
            "successThreshold": 1,
            "startupBudget": "10m",
        }
    )


CHECKS: Final = tuple((profile, spec_of(profile.name)) for profile in PROFILES)
STEPS: Final[tuple[tuple[Step, ...], ...]] = tuple(p.steps(spec) for p, spec in CHECKS)


def answer_of(sent: bytes, cut: int) -> Answer:
    """The answer that a transport makes of these bytes in packets of that length."""
    response = Response(MAX_BODY)
    length, outcome = (cut or len(sent) or 1), None
    for at in range(0, len(sent), length):
        outcome = response.feed(sent[at : at + length])
        if outcome is not None:
            break
    outcome = outcome or response.end(clean=True)
    if outcome is not Outcome.ANSWERED:
        return Answer(outcome)
    answer = response.answer(0.0)
    if len(answer.body) > MAX_BODY:
        raise AssertionError("the body is longer than its bound")
    return answer


def exchange(data: bytes) -> None:
    """One input; raises for whatever must never happen."""
    if len(data) < 2:
        return
    (profile, spec), steps = CHECKS[data[0] % len(CHECKS)], STEPS[data[0] % len(CHECKS)]
    sent = framed(data[2:]) if data[1] >= AS_BODY else data[2:]
    answer = answer_of(sent, data[1] % AS_BODY)
    readings: dict[str, Reading] = {step.name: step.read(answer) for step in steps}
    by_code = replace(answer, outcome=Outcome.ANSWERED, status=data[1] % 20)
    readings |= {s.name: s.read(by_code) for s in steps if s.request.grpc}
    whole = profile.fold(spec, readings)
    history = begin(FACTS, 0.0)
    for now in (1.0, 11.0, 21.0, 1000.0):
        history = judge(whole, FACTS, history, THRESHOLDS, now)
    if history.verdict not in set(Verdict) or whole.sign not in set(Sign):
        raise AssertionError("no verdict")
    if len(whole.message) > MAX_MESSAGE or any(not c.isprintable() for c in whole.message):
        raise AssertionError(f"an unfit message: {whole.message[:200]!r}")
    read_proxied(Relayed(answer.status, answer.body, retry_after=False), MAX_BODY)


def seeds() -> dict[str, bytes]:
    """Every hostile answer for every profile, by name, whole or in small packets."""
    return {
        f"{name} for {profile.name}": bytes([index, (index + number) % 2 * 100]) + sent
        for number, (name, sent) in enumerate(HOSTILE.items())
        for index, (profile, _) in enumerate(CHECKS)
    }


def bodies() -> dict[str, bytes]:
    """The same with the answers' bodies only, from where a fuzzer goes deeper."""
    return {
        name: data[:1] + bytes([AS_BODY]) + data.partition(b"\r\n\r\n")[2]
        for name, data in seeds().items()
    }
