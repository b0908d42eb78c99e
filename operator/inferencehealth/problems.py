"""What keeps a plan from being made, in words its reader can act on."""

from dataclasses import dataclass
from typing import Final

REASONS: Final = frozenset(
    {
        "ContainerNotFound",
        "ContradictingBudgets",
        "InvalidCanary",
        "InvalidEndpoint",
        "InvalidManifest",
        "InvalidSchema",
        "InvalidTimeZone",
        "PortNotFound",
        "ServerAmbiguous",
        "ServerNotRecognised",
    }
)
"""Reasons of problems. As findings in a report they stall its policy, which an author's bad probe
does not."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something the policy or the workload has to change first.

    `reason` is CamelCase and stable, `message` a sentence that names the object and the remedy,
    `field` the field of the policy that it is about.
    """

    reason: str
    message: str
    field: str = ""
