"""A hung server whose queue of connections is full, told from a checker that is kept out."""

import pytest

from inferencehealth.checks.history import History, PodFacts, Thresholds, begin
from inferencehealth.checks.steps import Reading, Sign
from inferencehealth.checks.verdict import judge
from inferencehealth.checks.verdicts import Verdict

READINGS = {
    "S": Reading(Sign.SERVES),
    "N": Reading(Sign.SILENT, "NoAnswer", "no answer in time"),
    "T": Reading(Sign.UNKNOWN, "ConnectTimeout", "no connection"),
    "R": Reading(Sign.UNKNOWN, "Unreachable", "no route"),
}
POD = PodFacts(uid="pod", ip="10.0.0.1", started_at=0.0, ready=True)
LIMITS = Thresholds(failures=3, successes=1, startup_budget=600)


def after(rounds: str) -> History:
    history = begin(POD, 100.0)
    for number, letter in enumerate(rounds):
        history = judge(READINGS[letter], POD, history, LIMITS, 100.0 + 10 * number)
    return history


@pytest.mark.parametrize(
    ("rounds", "verdict", "reason"),
    [
        ("SNTT", Verdict.BROKEN, "NoAnswer"),
        ("SNNN" + 10 * "T", Verdict.BROKEN, "NoAnswer"),
        ("SNNTTS", Verdict.READY, "Serving"),
        ("STT", Verdict.UNKNOWN, "ConnectTimeout"),
        ("SNSTT", Verdict.UNKNOWN, "ConnectTimeout"),
        ("SNNNRR", Verdict.UNKNOWN, "Unreachable"),
        ("TT", Verdict.UNKNOWN, "ConnectTimeout"),
    ],
)
def test_no_connection_after_silence_is_silence(rounds: str, verdict: Verdict, reason: str) -> None:
    history = after(rounds)
    assert (history.verdict, history.reason) == (verdict, reason)
