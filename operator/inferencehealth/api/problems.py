"""What is wrong with an object that somebody wrote, by field, in sentences."""

from pydantic import ValidationError

MAX_ERRORS = 5
"""Errors quoted in one message."""


def explain(error: ValidationError) -> str:
    """The errors by field, as a person would put them: "spec.checks.interval: …"."""
    lines = [
        f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}"
        for e in error.errors()[:MAX_ERRORS]
    ]
    more = error.error_count() - len(lines)
    return "; ".join(lines) + (f"; and {more} more" if more > 0 else "")
