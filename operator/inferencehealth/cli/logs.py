"""Log lines of the long-running programs: one event a line, its facts as fields."""

import logging
import sys
from enum import StrEnum

from pythonjsonlogger.json import JsonFormatter

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_KOPF_FIELDS = frozenset({"k8s_ref", "k8s_skip", "settings"})


class LogFormat(StrEnum):
    """How log lines look."""

    TEXT = "text"
    JSON = "json"


class TextFormatter(logging.Formatter):
    """`10:12:01 INFO controller probes injected workload=deployment/x policy=p`."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        """The line with the record's extra fields behind it."""
        fields = {
            key: value
            for key, value in vars(record).items()
            if key not in _STANDARD and key not in _KOPF_FIELDS
        }
        return super().formatMessage(record) + "".join(f" {k}={v}" for k, v in fields.items())


def configure(program: str, style: LogFormat, *, verbose: bool) -> None:
    """Send this process's log to stderr; other people's libraries speak only from WARNING on.

    Kopf logs every attempt and its death with several tracebacks; we say ourselves why it ended.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        TextFormatter()
        if style is LogFormat.TEXT
        else JsonFormatter(
            "{asctime}{levelname}{message}", style="{", static_fields={"program": program}
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("inferencehealth").setLevel(logging.DEBUG if verbose else logging.INFO)
    if not verbose:
        for name in ("kopf", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
