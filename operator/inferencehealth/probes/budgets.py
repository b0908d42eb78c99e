"""Budgets in seconds become kubelet numbers that provably keep them, or a reason why none can.

The proof is arithmetic on the worst case (see `inferencehealth.kubelet`): a budget is kept when
`worst_detection` of the numbers does not exceed it, and a loading server is left in peace when
`startup_allowance` is at least the time it may take.
"""

from dataclasses import dataclass, replace
from math import ceil, floor
from typing import Final

from inferencehealth.api.durations import format_duration
from inferencehealth.api.probes import ProbeNumbers
from inferencehealth.kubelet import Numbers, certain_delay, startup_allowance, worst_detection

MAX_PERIOD: Final = 10
"""A probe every 10 s is Kubernetes' own default; asking more seldom saves nothing."""
MISSES: Final = (3, 2)
"""Failures in a row before the kubelet acts: three, two where the budget is short, never one."""
STARTUP_STEPS: Final = 30
"""A short startup budget is asked in 30 steps, so that readiness is not seen a third too late."""


@dataclass(frozen=True, slots=True)
class TooSmall:
    """The budget can't be kept by any numbers; `least` seconds could be."""

    least: float


def compile_detection(budget: float, timeout: int, exact: ProbeNumbers) -> Numbers | TooSmall:
    """Numbers by which a failure is acted upon within `budget` seconds, in the worst case.

    As patient as the budget allows: three misses before two, the asked timeout before a shorter
    one, a longer period before a shorter one, and more misses where the period is at its cap.
    Fields given in `exact` stay as they are.
    """
    delay = exact.initial_delay_seconds or 0
    for candidate in _candidates(timeout, exact):
        found = _longest_period(replace(candidate, initial_delay=delay), budget, exact)
        if found is not None:
            return found if exact.failure_threshold else _most_misses(found, budget)
    least = min(worst_detection(c) for c in _candidates(timeout, exact))
    return TooSmall(least)


def compile_startup(budget: float, timeout: int, exact: ProbeNumbers) -> Numbers:
    """Numbers that leave a starting container at least `budget` seconds.

    The kill comes less than two periods and a timeout later. Fields given in `exact` stay.
    """
    delay = exact.initial_delay_seconds or 0
    period = exact.period_seconds or min(MAX_PERIOD, max(1, floor(budget / STARTUP_STEPS)))
    waited = certain_delay(delay)
    failures = exact.failure_threshold or max(1, ceil((budget - waited) / period) + 1)
    return Numbers(delay, period, exact.timeout_seconds or min(timeout, period), failures)


def override(numbers: Numbers, exact: ProbeNumbers) -> Numbers:
    """The numbers, with every field that `exact` gives taken from it."""

    def given(value: int | None, default: int) -> int:
        return default if value is None else value

    return Numbers(
        initial_delay=given(exact.initial_delay_seconds, numbers.initial_delay),
        period=given(exact.period_seconds, numbers.period),
        timeout=given(exact.timeout_seconds, numbers.timeout),
        failures=given(exact.failure_threshold, numbers.failures),
    )


def explain_detection(numbers: Numbers, effect: str) -> str:
    """What the numbers promise: "out of traffic at most 15s after a failure (…)"."""
    worst = format_duration(worst_detection(numbers))
    misses = "1 miss" if numbers.failures == 1 else f"{numbers.failures} misses"
    return (
        f"{effect} at most {worst} after a failure: {misses} in a row, asked every "
        f"{numbers.period}s, each given {numbers.timeout}s"
    )


def explain_startup(numbers: Numbers) -> str:
    """What the numbers of a startup probe promise."""
    allowed = format_duration(startup_allowance(numbers))
    return (
        f"not restarted during the first {allowed}: {numbers.failures} failures span "
        f"{numbers.failures - 1} periods of {numbers.period}s"
    )


def _candidates(timeout: int, exact: ProbeNumbers) -> tuple[Numbers, ...]:
    """Misses and timeouts in order of preference, each with the shortest sensible period."""
    misses = (exact.failure_threshold,) if exact.failure_threshold else MISSES
    timeouts = (exact.timeout_seconds,) if exact.timeout_seconds else tuple(range(timeout, 0, -1))
    return tuple(
        Numbers(0, exact.period_seconds or min(seconds, MAX_PERIOD), seconds, failures)
        for failures in misses
        for seconds in timeouts
    )


def _longest_period(numbers: Numbers, budget: float, exact: ProbeNumbers) -> Numbers | None:
    """The numbers with the longest period that keeps the budget; None where none does.

    Never shorter than the timeout: probes that overtake each other only load a slow server.
    """
    if worst_detection(numbers) > budget:
        return None
    if exact.period_seconds:
        return numbers
    periods = range(MAX_PERIOD, numbers.period, -1)
    tried = (replace(numbers, period=period) for period in periods)
    return next((found for found in tried if worst_detection(found) <= budget), numbers)


def _most_misses(numbers: Numbers, budget: float) -> Numbers:
    """The numbers with as many misses as the budget still bears."""
    spare = budget - worst_detection(numbers)
    return replace(
        numbers,
        failures=numbers.failures + floor(spare / max(numbers.period, numbers.timeout)),
    )
