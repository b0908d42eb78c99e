"""Times as the API server writes them, from and to Python's."""

from datetime import UTC, datetime


def micro_time(moment: datetime) -> str:
    """A metav1.MicroTime: RFC 3339, UTC, always six digits, which the API server demands."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def utc_now() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)
