"""The verdict on a pod: folds round after round into its history, with hysteresis. Pure.

`candidate` says what a round means by itself; here it is weighed against what is believed
already, so that one bad check changes nothing and a flapping server causes few changes.
"""

from dataclasses import replace
from typing import Final

from inferencehealth.checks.candidate import (
    CRASH_LOOP,
    Candidate,
    interrupted,
    loading_start,
    may_be_starting,
    of_pod,
    of_reading,
    of_silence,
    stopped_serving,
)
from inferencehealth.checks.history import (
    NOT_CHECKED,
    History,
    PodFacts,
    Thresholds,
    begin,
    forget_streaks,
    start_over,
)
from inferencehealth.checks.steps import Item, Reading, Sign
from inferencehealth.checks.verdicts import SERVING, Verdict

NOTICE: Final = 2
"""Rounds in a row before a pod that serves or is broken is called degraded, loading, busy or
asleep, before it is called unknown, and before a verdict's reason changes: one slow answer is no
news."""

_SUCCESSES = frozenset({Sign.SERVES, Sign.DEGRADED})
_LOADING = frozenset({Sign.LOADING, Sign.NOT_READY})
_STARTING = _LOADING | {Sign.SILENT}


def judge(
    reading: Reading | None,
    pod: PodFacts,
    history: History,
    thresholds: Thresholds,
    now: float,
    *,
    gap: float = 0.0,
) -> History:
    """The history after a round, or after news about the pod (`reading` None).

    `now` is in epoch seconds. `gap`, in seconds, is for a round after so long a pause of ours
    (`history.is_gap`) that failures before it do not count on, and that a verdict of serving
    which this round does not confirm is too old to stand. Returns the very same history when
    nothing at all changed, so that a steady pod costs nothing further.
    """
    history = _of_this_start(pod, history, now)
    known = of_pod(pod)
    if known is not None:
        return _believe_pod(known, history, now)
    if reading is None:
        return history
    if gap:
        return _after_gap(reading, pod, history, thresholds, now, gap=gap)
    return _hear(reading, pod, history, thresholds, now)


def outdated(history: History, now: float, pause: float) -> History:
    """The history when nobody has looked for `pause` seconds: what served is Unknown by now.

    The very same one where nothing was believed that needs us to look.
    """
    if history.verdict not in SERVING:
        return history
    return _accept(interrupted(pause), forget_streaks(history), now)


def _after_gap(
    reading: Reading,
    pod: PodFacts,
    history: History,
    thresholds: Thresholds,
    now: float,
    *,
    gap: float,
) -> History:
    unseen = replace(forget_streaks(history), watched=False)
    after = _hear(reading, pod, unseen, thresholds, now)
    if after.verdict in SERVING and reading.sign not in _SUCCESSES:
        return _accept(interrupted(gap), after, now)
    return after


def _hear(
    reading: Reading, pod: PodFacts, history: History, thresholds: Thresholds, now: float
) -> History:
    reading = of_silence(reading, history)
    if reading.sign is Sign.UNKNOWN:
        return _hear_nothing(reading, history, now)
    counted = _count(reading, history, thresholds, now)
    candidate = of_reading(reading, pod, counted, thresholds, now)
    return _weigh(candidate, reading, counted, thresholds, now)


def _of_this_start(pod: PodFacts, history: History, now: float) -> History:
    """The history as far as it is about this pod and this start of its container."""
    if history.uid != pod.uid:
        return begin(pod, now)
    if pod.started_at is None or pod.started_at == history.started_at:
        return history
    return start_over(pod, history, now)


def _believe_pod(candidate: Candidate, history: History, now: float) -> History:
    if not candidate.is_news_to(history) and history.settled:
        return history
    known = _accept(candidate, history, now)
    return replace(known, models=(), components=(), fresh=True)


def _hear_nothing(reading: Reading, history: History, now: float) -> History:
    """An UNKNOWN round neither breaks nor makes a streak; two of them cost us the verdict."""
    candidate = Candidate(Verdict.UNKNOWN, reading.reason or "Unknown", reading.message)
    if not candidate.is_news_to(history):
        return _confirm(candidate, history)
    unserved = history.unserved + 1
    seen = replace(_see(candidate, history, unknowns=history.unknowns + 1), unserved=unserved)
    enough = seen.repeats if history.verdict is Verdict.UNKNOWN else seen.unknowns
    if enough < NOTICE and history.reason != NOT_CHECKED:
        return _wait(seen)
    lost = _accept(candidate, seen, now)
    return replace(lost, fresh=history.fresh, failures=0, successes=0, failing_since=None)


def _count(reading: Reading, history: History, thresholds: Thresholds, now: float) -> History:
    """The streaks after a reading that says something."""
    sign = reading.sign
    if sign in _SUCCESSES:
        uneventful = history.unknowns == 0 and history.unserved == 0
        if history.successes >= thresholds.successes and uneventful:
            return history
        return replace(
            history,
            served=True,
            lost_loads=0,
            successes=history.successes + 1,
            failures=0,
            unknowns=0,
            unserved=0,
            failing_since=None,
            loading_since=None,
        )
    loading_since = None if sign is Sign.ASLEEP else history.loading_since
    failed = sign is Sign.FAILS or (sign is Sign.NOT_READY and stopped_serving(history))
    if sign in _LOADING and not failed:
        loading_since = loading_start(history, now)
        failed = now - loading_since > thresholds.startup_budget
    elif sign is Sign.SILENT:
        failed = not may_be_starting(history, thresholds, now)
    since = history.failing_since if history.failing_since is not None else now
    return replace(
        history,
        watched=history.watched and sign in _STARTING,
        served=history.served or sign is Sign.ASLEEP,
        loading_since=loading_since,
        failing_since=since if failed else None,
        failures=history.failures + 1 if failed else 0,
        successes=0,
        unknowns=0,
        unserved=history.unserved + 1,
    )


def _weigh(
    candidate: Candidate, reading: Reading, history: History, thresholds: Thresholds, now: float
) -> History:
    if not candidate.is_news_to(history):
        return _with_items(reading, _confirm(candidate, history))
    seen = _see(candidate, history, unknowns=0)
    if not _convinces(candidate, seen, thresholds):
        return _wait(seen)
    return _with_items(reading, _accept(candidate, seen, now))


def _confirm(candidate: Candidate, history: History) -> History:
    """What is believed was said again: whatever else was seen in between starts over."""
    fresh = history.fresh and candidate.verdict is Verdict.UNKNOWN
    if history.seen is None and history.fresh == fresh and history.settled:
        return history
    return replace(history, seen=None, alike=0, repeats=0, patience=0, fresh=fresh)


def _convinces(candidate: Candidate, history: History, thresholds: Thresholds) -> bool:
    """Whether what was seen, this round included, is enough to believe the candidate."""
    believed = history.verdict
    if candidate.verdict is Verdict.LOADING and history.reason == CRASH_LOOP:
        # Every start of a crashing container loads for a while; only serving ends the loop.
        return False
    if candidate.verdict is believed:
        return history.fresh or history.repeats >= NOTICE
    if candidate.verdict in SERVING and believed not in SERVING:
        at_once = history.fresh or believed is Verdict.UNKNOWN
        return at_once or history.successes >= thresholds.successes
    if candidate.verdict is Verdict.BROKEN:
        unheard = believed is Verdict.UNKNOWN and not history.served
        at_once = (history.fresh or unheard) and candidate.answered
        return at_once or history.failures >= thresholds.failures
    steady = believed in SERVING or believed is Verdict.BROKEN
    if history.fresh or not steady or history.alike >= min(NOTICE, thresholds.failures):
        return True
    # Whatever it says by turns, it has not served for so long that Ready would be a lie.
    return believed in SERVING and history.unserved >= max(NOTICE, thresholds.failures)


def _see(candidate: Candidate, history: History, *, unknowns: int) -> History:
    key, before = candidate.key, history.seen
    return replace(
        history,
        seen=key,
        alike=history.alike + 1 if before is not None and before[0] is key[0] else 1,
        repeats=history.repeats + 1 if before == key else 1,
        unknowns=unknowns,
    )


def _wait(history: History) -> History:
    return replace(history, patience=max(0, history.patience - 1))


def _accept(candidate: Candidate, history: History, now: float) -> History:
    return replace(
        history,
        verdict=candidate.verdict,
        reason=candidate.reason,
        message=candidate.message,
        since=history.since if candidate.verdict is history.verdict else now,
        fresh=False,
        seen=None,
        alike=0,
        repeats=0,
        patience=0,
    )


def _with_items(reading: Reading, history: History) -> History:
    models = _newer(history.models, reading.models)
    components = _newer(history.components, reading.components)
    if models is history.models and components is history.components:
        return history
    return replace(history, models=models, components=components)


def _newer(old: tuple[Item, ...], new: tuple[Item, ...]) -> tuple[Item, ...]:
    """The new items, or the old ones if only their messages differ: some servers count in them."""
    if old == new or list(map(_state, old)) == list(map(_state, new)):
        return old
    return new


def _state(item: Item) -> tuple[str, str, Sign, bool, str]:
    return item.name, item.version, item.sign, item.required, item.reason
