"""Whether a server makes progress, by its own counters: between a metrics page and a verdict. Pure.

A slow answer of a busy server and of a hung one look alike; two looks at a counter tell them
apart. What moves is Busy, what stands still with requests inside fails, and a server that stands
still because nobody asks anything has told nothing.
"""

from dataclasses import dataclass, replace
from typing import Final

from inferencehealth.api.durations import format_duration
from inferencehealth.checks.exposition import Value, values
from inferencehealth.checks.steps import Answer, Outcome, Reading, Request, Sign

PAGE: Final = 1024 * 1024
"""Bytes of a metrics page that are read; vLLM's with 100 models and adapters takes some 300 KiB."""
PATIENCE: Final = 20.0
"""Seconds that a server with requests inside may stand still: as long as SGLang's own health check
waits for its scheduler (SGLANG_HEALTH_CHECK_TIMEOUT). A long prompt takes several seconds before
its first token."""

PER_REQUEST: Final = 120.0
"""The same for counters that move only when a request ends: one may take minutes."""
WHILE_GREEN: Final = 30.0
"""Seconds that a server stands still at least before that alone counts against it while its
endpoints answer: their word counts for something, and a prompt of a million tokens is one step."""

PROGRESSING: Final = "Progressing"
WAITING: Final = "SlowAnswer"
NO_PROGRESS: Final = "NoProgress"
REQUESTS_FAIL: Final = "RequestsFail"


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a server counts its work.

    `done` are counters that move while it works, `unit` what they count; `running`, `waiting` and
    `failed` sum what is inside and what went wrong. `port` 0 is the server's own. `model_label`
    tells series of different models apart, where one may work while another does not. `patience`
    and `while_green` are seconds.
    """

    done: tuple[str, ...]
    unit: str
    running: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    not_failed: frozenset[str] = frozenset()
    """Values of any label of `failed` that are no fault of the server: cancelled by the client."""
    path: str = "/metrics"
    port: int = 0
    model_label: str = ""
    own: float = 1.0
    """By how much one canary moves `done` at most: less than that is no work of others."""
    patience: float = PATIENCE
    while_green: float = WHILE_GREEN

    @property
    def request(self) -> Request:
        """The request for the metrics page."""
        return Request(self.path, port=self.port, max_body=PAGE)


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at the counters, at `at` seconds.

    `still_since`: since when `done` stands still although requests are inside, as far as seen.
    """

    at: float
    still_since: float
    done: float
    running: float = 0.0
    waiting: float = 0.0
    failed: float = 0.0

    @property
    def inside(self) -> float:
        """Requests that wait for the server."""
        return self.running + self.waiting


def sample(
    progress: Progress, answer: Answer, before: Sample | None, now: float, *, model: str = ""
) -> Sample | None:
    """What the metrics page says; None where it says nothing about progress.

    `model` counts the series of that model only, where the server tells them apart.
    """
    if answer.outcome is not Outcome.ANSWERED or answer.status != 200:
        return None
    names = (*progress.done, *progress.running, *progress.waiting, *progress.failed)
    series = values(answer.body, names)
    if model and progress.model_label:
        series = tuple(v for v in series if v.label(progress.model_label) == model)
    done = [v.value for v in series if v.name in progress.done]
    if not done:
        return None
    found = Sample(
        at=now,
        still_since=now,
        done=sum(done),
        running=_sum(series, progress.running),
        waiting=_sum(series, progress.waiting),
        failed=sum(v.value for v in series if _counts_as_failed(progress, v)),
    )
    if before is None or before.done != found.done or not before.inside:
        return found
    return replace(found, still_since=before.still_since)


def moved(before: Sample | None, after: Sample | None, *, by: float = 0.0) -> bool:
    """Whether the server did anything between the two looks, beyond what `by` of us explains."""
    return before is not None and after is not None and after.done > before.done + by


def judge(progress: Progress, before: Sample | None, after: Sample | None) -> Reading | None:
    """What two looks at the counters of a server that does not answer say; None: nothing.

    A first look proves no more than that somebody waits, so it only asks for patience.
    """
    if after is None:
        return None
    if moved(before, after) and before is not None:
        return works(progress, before, after)
    if before is not None and after.done == before.done and after.failed > before.failed:
        failed = after.failed - before.failed
        return _timed(
            Sign.FAILS,
            REQUESTS_FAIL,
            f"every request fails: {failed:,.0f} failed and none succeeded "
            f"in the last {_seconds(after.at - before.at)}",
        )
    if not after.inside:
        return None
    told = stands_still(progress, after, progress.patience)
    return told or _timed(Sign.BUSY, WAITING, f"slow to answer: {_inside(after)}")


def stands_still(progress: Progress, seen: Sample, patience: float) -> Reading | None:
    """What a server has to hear that did nothing for so many seconds, with requests inside."""
    stood = seen.at - seen.still_since
    if not seen.inside or stood < patience:
        return None
    message = f"no progress: {_inside(seen)}; 0 {progress.unit} in {_seconds(stood)}"
    return _timed(Sign.FAILS, NO_PROGRESS, message)


def works(progress: Progress, before: Sample, after: Sample) -> Reading:
    """The reading of a server that moves, too loaded to answer in time."""
    return _timed(Sign.BUSY, PROGRESSING, f"busy: {_told(progress, before, after)}")


def _timed(sign: Sign, reason: str, message: str) -> Reading:
    return Reading(sign, reason, message, timed=True)


def _told(progress: Progress, before: Sample, after: Sample) -> str:
    done = f"{after.done - before.done:,.0f} {progress.unit}"
    done += f" in the last {_seconds(after.at - before.at)}"
    return f"{_inside(after)}; {done}" if after.inside else done


def _inside(seen: Sample) -> str:
    parts = [(seen.waiting, "waiting"), (seen.running, "running")]
    return ", ".join(f"{count:,.0f} {word}" for count, word in parts if count)


def _sum(series: tuple[Value, ...], names: tuple[str, ...]) -> float:
    return sum(v.value for v in series if v.name in names)


def _counts_as_failed(progress: Progress, value: Value) -> bool:
    excused = any(told in progress.not_failed for _, told in value.labels)
    return value.name in progress.failed and not excused


def _seconds(seconds: float) -> str:
    return format_duration(float(round(max(seconds, 1.0))))
