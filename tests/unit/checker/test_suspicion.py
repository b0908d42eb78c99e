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
    confirmed: bool = False,
    in_contact: bool = True,
    total: int = 20,
) -> Reading:
    return suspicion.weigh(
        key,
        reading,
        serving=serving,
        confirmed=confirmed,
        policy=("ml", f"p{key % 2}"),
        interval=INTERVAL,
        total=total,
        in_contact=in_contact,
        now=now,
    )


def suspect() -> Suspicion[int]:
    made: Suspicion[int] = Suspicion()
    for key in range(20):
        hear(made, key, now=key / 2)
    assert made.doubt
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
    assert made.doubt
    assert hear(made, 99, now=12, serving=False) is SILENT


def test_the_doubt_ends_when_pods_answer_again() -> None:
    made = suspect()
    for key in range(12):
        hear(made, key, SERVES, now=20 + key / 2)
    assert hear(made, 19, now=40) is SILENT
    assert made.doubt is None


def test_pods_that_are_gone_count_no_more() -> None:
    made = suspect()
    for key in range(15):
        made.forget(key)
    assert hear(made, 19, now=40) is SILENT


def test_servers_that_fail_in_words_never_make_it_suspect() -> None:
    made: Suspicion[int] = Suspicion()
    for key in range(20):
        assert hear(made, key, FAILS, now=key / 2) is FAILS
    assert made.doubt is None


def test_a_silence_that_the_kubelets_confirm_is_none_of_ours() -> None:
    made: Suspicion[int] = Suspicion()
    for key in range(20):
        assert hear(made, key, now=key / 2, confirmed=True) is SILENT
    assert made.doubt is None


def test_a_pod_whose_kubelet_comes_to_agree_is_no_longer_withheld() -> None:
    made = suspect()
    assert hear(made, 3, now=12, confirmed=True) is SILENT
    assert hear(made, 4, now=12).reason == "CheckerSuspect"


def test_an_honest_mass_failure_is_believed_in_the_end() -> None:
    made = suspect()
    for moment in range(20, 70, 10):
        hear(made, 99, SERVES, now=moment)
        assert hear(made, 3, now=moment + 1).reason == "CheckerSuspect"
    hear(made, 99, SERVES, now=75)
    assert hear(made, 3, now=77) is SILENT
    assert hear(made, 4, now=79) is SILENT
    assert made.doubt is None


@pytest.mark.parametrize(
    ("others_answer", "in_contact"), [(False, True), (True, False), (False, False)]
)
def test_without_a_sign_that_our_network_works_it_is_never_believed(
    others_answer: bool, in_contact: bool
) -> None:
    made = suspect()
    for moment in range(20, 3600, 10):
        if others_answer:
            hear(made, 99, SERVES, now=moment, in_contact=in_contact)
        found = hear(made, 3, now=moment + 1, in_contact=in_contact)
        assert found.reason == "CheckerSuspect"


def test_one_pod_is_enough_to_doubt_when_the_api_server_is_silent_too() -> None:
    made: Suspicion[int] = Suspicion()
    hear(made, 1, SERVES, now=0, total=1)
    found = hear(made, 1, now=10, total=1, in_contact=False)
    assert (found.sign, found.reason) == (Sign.UNKNOWN, "CheckerSuspect")
    assert hear(made, 1, now=20, total=1, in_contact=True) is SILENT


def test_the_api_server_alone_being_away_casts_no_doubt_on_a_pod() -> None:
    made: Suspicion[int] = Suspicion()
    hear(made, 1, now=10, total=2, in_contact=False)
    hear(made, 2, SERVES, now=11, total=2, in_contact=False)
    assert hear(made, 1, now=20, total=2, in_contact=False) is SILENT
    assert made.doubt is None


def test_cut_off_ends_when_any_pod_answers() -> None:
    made: Suspicion[int] = Suspicion()
    for key in (1, 2):
        hear(made, key, now=10 + 2 * key, total=2, in_contact=False)
    assert made.doubt
    hear(made, 2, SERVES, now=20, total=2, in_contact=False)
    assert hear(made, 1, now=22, total=2, in_contact=False) is SILENT
