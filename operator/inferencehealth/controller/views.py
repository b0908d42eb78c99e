"""Reports as a policy may trust them: a verdict nobody stands behind counts as Unknown. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from inferencehealth.api.report import Health, Report
from inferencehealth.api.status import VerdictCounts
from inferencehealth.checks.verdicts import Verdict

STALE_INTERVALS = 3
"""A verdict older than this many check intervals counts as Unknown."""
MIN_STALE = 6.0
"""Seconds of silence that are never held against a checker. It renews its Lease every interval,
but not more often than each second and at least every 5 s."""


@dataclass(frozen=True, slots=True)
class Silence:
    """How long a checker's Lease has not been renewed, in seconds by our own clock, since when."""

    seconds: float
    since: str


SilenceOf = Callable[[str], Silence]
"""The silence of a checker, by the name of its Lease."""


@dataclass(frozen=True, slots=True)
class View:
    """One workload as the policy sees it: its report, and its health as far as it is current."""

    report: Report
    health: Health

    @property
    def ref(self) -> str:
        """Kind and name, as kubectl takes them."""
        workload = self.report.spec.workload
        return f"{workload.kind.lower()}/{workload.name}"

    @property
    def desired(self) -> int:
        """Pods that the workload wants."""
        return self.report.status.desired_pods

    @property
    def serving(self) -> int:
        """Pods that count as healthy."""
        return self.health.counts.ready + self.health.counts.degraded


def view(report: Report, silence_of: SilenceOf) -> View:
    """The report with a health that is only as good as it is current.

    A verdict that answers an older spec, or whose checker is gone, counts as Unknown: status must
    never stay green because nobody looks.
    """
    health, check = report.status.health, report.spec.check
    if check is None:
        return View(report, _unknown(Health(), "NotRecognised", "it is not known what to check"))
    if health is None:
        return View(report, _unknown(Health(), "NotChecked", "no checker has reported on it yet"))
    if health.observed_generation < report.metadata.generation:
        return View(report, _unknown(health, "Rechecking", "what to check has just changed"))
    silence = silence_of(health.checked_by)
    if silence.seconds > max(STALE_INTERVALS * check.interval, MIN_STALE):
        message = (
            f"checker {health.checked_by} gave no sign of life since {silence.since}; "
            f"its last verdict was {health.verdict}"
        )
        return View(report, _unknown(health, "CheckerGone", message))
    return View(report, health)


def _unknown(health: Health, reason: str, message: str) -> Health:
    total = health.counts.total
    return health.model_copy(
        update={
            "verdict": Verdict.UNKNOWN.value,
            "reason": reason,
            "message": message,
            "counts": VerdictCounts(total=total, unknown=total),
            "pods": (),
            "findings": (),
            "models": tuple(m.model_copy(update={"ready": 0}) for m in health.models),
            "components": tuple(c.model_copy(update={"ready": 0}) for c in health.components),
        }
    )


def is_short(view: View) -> bool:
    """Whether a workload serves less than it should."""
    counts = view.health.counts
    if view.report.spec.check is None:
        return True
    if not view.desired and not counts.total:
        return False
    return bool(counts.broken or counts.unknown) or view.serving < max(view.desired, 1)
