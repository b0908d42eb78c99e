"""The decision procedure: from facts to a cause, question by question, as one would ask. Pure.

Each question looks at one thing. The first that finds a cause ends the procedure; those before it
are what was ruled out.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from inferencehealth.checks.verdicts import Verdict
from inferencehealth.diagnosis import of_answers, of_pod
from inferencehealth.diagnosis.answered import Answered, Found
from inferencehealth.diagnosis.causes import ADVICE, Cause
from inferencehealth.diagnosis.facts import Facts
from inferencehealth.diagnosis.of_answers import reading
from inferencehealth.profiles.registry import profile_named


class Mark(StrEnum):
    """How a question was answered."""

    GOOD = "good"
    BAD = "bad"
    SKIPPED = "not asked"


@dataclass(frozen=True, slots=True)
class Asked:
    """One question of the procedure and what the facts say to it."""

    question: str
    mark: Mark
    told: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The result: the questions in order, the cause, and what to do about it."""

    target: str
    found: Found
    asked: tuple[Asked, ...]
    advice: tuple[str, ...]
    commands: tuple[str, ...]


def diagnose(facts: Facts) -> Diagnosis:
    """The diagnosis of the facts; never raises."""
    asked: list[Asked] = []
    found: Found | None = None
    for question, ask in QUESTIONS:
        answer = ask(facts) if found is None else None
        if isinstance(answer, Found):
            found = answer
            asked.append(Asked(question, Mark.BAD, answer.summary))
        elif answer is None:
            asked.append(Asked(question, Mark.SKIPPED))
        else:
            asked.append(Asked(question, Mark.GOOD, answer))
    found = found or _nothing(facts)
    found = replace(found, evidence=(*found.evidence, *_more(facts, found)))
    return Diagnosis(facts.target, found, tuple(asked), *_advice(facts, found.cause))


QUESTIONS: Final[tuple[tuple[str, Callable[[Facts], Answered]], ...]] = (
    ("does its name resolve", of_pod.name),
    ("are there pods", of_pod.pods),
    ("is the pod on a node", of_pod.scheduled),
    ("is its image there", of_pod.image),
    ("does its container run", of_pod.runs),
    ("is the server known", of_pod.known),
    ("is it reached", of_answers.reached),
    ("does something listen", of_answers.listens),
    ("does it speak what it is asked in", of_answers.speaks),
    ("does it answer in time", of_answers.in_time),
    ("may we ask", of_answers.allowed),
    ("do its components work", of_answers.components),
    ("do its models serve", of_answers.models),
    ("does the server say it serves", of_answers.server),
    ("does the kubelet agree", of_answers.kubelet),
    ("does the operator agree", of_answers.operator),
)
"""In the order in which one thing needs the one before it."""


def _nothing(facts: Facts) -> Found:
    check = reading(facts)
    if check is None:
        return Found(Cause.UNKNOWN, Verdict.UNKNOWN, "there was nothing to ask")
    engine = profile_named(facts.profile).dead_engine
    return Found(
        Cause.NOTHING,
        check.verdict,
        "nothing wrong was found; the engine was not asked to infer anything",
        (f"what this look can't see: {engine}",) if engine else (),
    )


def _more(facts: Facts, found: Found) -> tuple[str, ...]:
    """Evidence that goes with any cause."""
    said = []
    pod = facts.pod
    if pod and pod.record.ready and found.verdict is Verdict.BROKEN:
        said.append("the kubelet calls the pod ready: traffic still goes there")
    if facts.told:
        said += [f"{name}: {message}" for name, message, _ in facts.told.findings]
        if found.cause is not Cause.OPERATOR:
            said.append(f"the operator says {facts.told.verdict}: {facts.told.reason}")
    return tuple(said)


def _advice(facts: Facts, cause: Cause) -> tuple[tuple[str, ...], tuple[str, ...]]:
    advice = ADVICE[cause]
    pod = facts.pod
    values = {
        "pod": pod.name if pod else "",
        "container": pod.container if pod else "",
        "n": facts.namespace,
        "workload": facts.workload,
    }
    commands = tuple(
        command.format_map(values) for command in advice.commands if _fits(command, values)
    )
    remedies = tuple(remedy for _, _, remedy in (facts.told.findings if facts.told else ()))
    return (advice.do, *remedies), commands


def _fits(command: str, values: dict[str, str]) -> bool:
    """Whether all that the command names is known."""
    return all(value for name, value in values.items() if f"{{{name}}}" in command)
