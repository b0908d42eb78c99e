"""CEL rules on our own objects, as the API server evaluates them."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Rule:
    """One `x-kubernetes-validations` entry.

    `rule` is CEL over `self`; `message` is what a person reads when it is false; `field` is the
    child that the message is about, relative to the object that carries the rule.
    """

    rule: str
    message: str
    field: str = ""


def rules(*entries: Rule) -> dict[str, Any]:
    """The schema fragment that carries the rules."""
    return {
        "x-kubernetes-validations": [
            {"rule": entry.rule, "message": entry.message}
            | ({"fieldPath": f".{entry.field}"} if entry.field else {})
            for entry in entries
        ]
    }
