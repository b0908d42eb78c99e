"""Times in reports, as values to reckon with. Pure."""

from datetime import UTC, datetime


def moment(text: str) -> datetime:
    """The moment of an RFC 3339 time; raises ValueError for anything else."""
    return datetime.fromisoformat(text).astimezone(UTC)


def stamp(when: datetime) -> str:
    """The moment as Kubernetes writes it."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def elapsed(since: str, now: datetime) -> float:
    """Seconds since then, never negative; a time that can't be read is long ago."""
    try:
        return max(0.0, (now - moment(since)).total_seconds())
    except ValueError:
        return float("inf")
