"""Which restarts are counted, and as what."""

from dataclasses import replace

import pytest

from inferencehealth.checker.restarts import COPIED_LIVENESS, Cause, restarted, spared
from inferencehealth.checks.history import PodFacts, begin
from inferencehealth.checks.verdicts import Verdict

BEFORE = PodFacts(uid="u", restarts=1, started_at=100.0)


@pytest.mark.parametrize(
    ("after", "cause"),
    [
        (replace(BEFORE, restarts=2, last_exit=137, last_termination="Error"), Cause.SIGNAL),
        (replace(BEFORE, restarts=2, last_exit=143), Cause.SIGNAL),
        (replace(BEFORE, restarts=2, last_exit=137, last_termination="OOMKilled"), Cause.MEMORY),
        (replace(BEFORE, restarts=2, last_exit=1), Cause.EXIT),
        (replace(BEFORE, restarts=2, last_exit=0), Cause.EXIT),
        (BEFORE, None),
        (replace(BEFORE, restarts=2, uid="another"), None),
    ],
)
def test_a_restart_is_told_by_how_the_process_before_it_ended(
    after: PodFacts, cause: Cause | None
) -> None:
    assert restarted(BEFORE, after) is cause


@pytest.mark.parametrize(
    ("before", "after", "seconds", "expected"),
    [
        (Verdict.LOADING, Verdict.READY, COPIED_LIVENESS + 1, True),
        (Verdict.BUSY, Verdict.DEGRADED, COPIED_LIVENESS + 1, True),
        (Verdict.LOADING, Verdict.READY, COPIED_LIVENESS, False),
        (Verdict.BROKEN, Verdict.READY, 600.0, False),
        (Verdict.LOADING, Verdict.BROKEN, 600.0, False),
        (Verdict.READY, Verdict.READY, 600.0, False),
    ],
)
def test_a_server_is_spared_when_it_serves_after_longer_than_a_copied_probe_waits(
    before: Verdict, after: Verdict, seconds: float, expected: bool
) -> None:
    known = replace(begin(BEFORE, 100.0), verdict=before)
    now = 100.0 + seconds
    assert spared(known, replace(known, verdict=after, since=now), now) is expected


def test_what_loaded_before_a_restart_does_not_count_for_the_start_after_it() -> None:
    known = replace(begin(BEFORE, 100.0), verdict=Verdict.LOADING)
    again = replace(known, started_at=500.0, began=500.0, verdict=Verdict.READY)
    assert not spared(known, again, 600.0)
    assert not spared(
        replace(known, started_at=590.0, began=590.0), replace(again, started_at=590.0), 600.0
    )
