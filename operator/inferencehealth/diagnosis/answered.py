"""What a question of the diagnosis gives: a cause with its evidence, or that all is well so far."""

from dataclasses import dataclass

from inferencehealth.checks.verdicts import Verdict
from inferencehealth.diagnosis.causes import Cause


@dataclass(frozen=True, slots=True)
class Found:
    """A cause, with the evidence for it; `verdict` is what it makes of the server."""

    cause: Cause
    verdict: Verdict
    summary: str
    evidence: tuple[str, ...] = ()


Answered = Found | str | None
"""What a question gives: a cause, what speaks for all being well, or None: not to be asked here."""
