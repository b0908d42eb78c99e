"""All rules in order, by subject: what a plan is judged by, and what docs/findings.md explains."""

from typing import Final

from inferencehealth.findings import (
    elsewhere,
    handlers,
    liveness,
    numbers,
    ownership,
    profiles,
    readiness,
    rollout,
    startup,
)
from inferencehealth.findings.rule import Rule

SECTIONS: Final[tuple[tuple[str, tuple[Rule, ...]], ...]] = (
    ("Refused by the API server, or never answered", handlers.RULES),
    ("Startup", startup.RULES),
    ("Liveness", liveness.RULES),
    ("Readiness", readiness.RULES),
    ("Numbers", numbers.RULES),
    ("Rollouts and ownership", (*rollout.RULES, *ownership.RULES)),
    ("What a server's own paths can't tell", profiles.RULES),
    ("Readiness gates", elsewhere.GATES),
    ("Seen by the checks (status.health.findings)", elsewhere.CHECKS),
    ("Problems: nothing is planned until they are solved", elsewhere.PROBLEMS),
)

RULES: Final[tuple[Rule, ...]] = tuple(rule for _, rules in SECTIONS for rule in rules)

DOCUMENTATION: Final = "docs/findings.md"


def anchor(identifier: str) -> str:
    """Where a finding is explained, relative to the root of the project."""
    return f"{DOCUMENTATION}#{identifier.lower()}"
