"""When many pods fall silent at once the checker doubts itself, and only then."""

import pytest

from inferencehealth.checker.suspicion import Silence, Suspicion, is_suspect
from inferencehealth.checks.steps import Reading, Sign

INTERVAL = 10.0
SILENT = Reading(Sign.SILENT, "ConnectionRefused", "")
FAILS = Reading(Sign.FAILS, "ModelNotFound", "")
SERVES = Reading(Sign.SERVES)


def silences(count: int, policies: int, since: float = 0.0) -> list[Silence]:
    return [Silence(("ml", f"p{n % policies}"), since, INTERVAL) for n in range(count)]


@pytest.mark.parametrize(
    ("fell_silent", "total", "now", "expected"),
    [
        pytest.param(silences(12, policies=2), 20, 5.0, True, id="most, of two policies"),
        pytest.param(silences(20, policies=1), 20, 5.0, False, id="all of one policy"),
        pytest.param(silences(9, policies=3), 9, 5.0, False, id="too few to mean anything"),
        pytest.param(silences(11, policies=2), 20, 5.0, False, id="less than most"),
        pytest.param(silences(20, policies=2), 20, 21.0, False, id="over a longer time"),
        pytest.param([], 0, 5.0, False, id="nobody"),
    ],
)
def test_what_makes_the_checker_suspect(
    fell_silent: list[Silence], total: int, now: float, expected: bool
) -> None:
    assert is_suspect(fell_silent, total, now) is expected


def hear(
    suspicion: Suspicion[int],
    key: int,
    reading: Reading = SILENT,
    *,
    now: float,
    serving: bool = True,
) -> Reading:
    policy = ("ml", f"p{key % 2}")
    return suspicion.weigh(
        key, reading, serving=serving, policy=policy, interval=INTERVAL, total=20, now=now
    )


def suspect() -> Suspicion[int]:
    made: Suspicion[int] = Suspicion()
    for key in range(20):
        hear(made, key, now=key / 2)
    assert made.active
    return made


def test_a_mass_silence_is_held_against_no_pod() -> None:
    withheld = hear(suspect(), 3, now=12)
    assert (withheld.sign, withheld.reason) == (Sign.UNKNOWN, "CheckerSuspect")


def test_the_message_stays_as_it_was() -> None:
    made = suspect()
    assert hear(made, 3, now=12) == hear(made, 4, now=500)


def test_what_a_server_says_counts_all_the_same() -> None:
    made = suspect()
    assert hear(made, 3, FAILS, now=12) is FAILS
    assert hear(made, 4, SERVES, now=12) is SERVES


def test_what_was_broken_before_stays_broken() -> None:
    made: Suspicion[int] = Suspicion()
    hear(made, 99, now=0, serving=False)
    for key in range(20):
        hear(made, key, now=key / 2)
    assert made.active
    assert hear(made, 99, now=12, serving=False) is SILENT


def test_the_doubt_ends_when_pods_answer_again() -> None:
    made = suspect()
    for key in range(12):
        hear(made, key, SERVES, now=20 + key / 2)
    assert hear(made, 19, now=40) is SILENT
    assert not made.active


def test_pods_that_are_gone_count_no_more() -> None:
    made = suspect()
    for key in range(15):
        made.forget(key)
    assert hear(made, 19, now=40) is SILENT


def test_servers_that_fail_in_words_never_make_it_suspect() -> None:
    made: Suspicion[int] = Suspicion()
    for key in range(20):
        assert hear(made, key, FAILS, now=key / 2) is FAILS
    assert not made.active
