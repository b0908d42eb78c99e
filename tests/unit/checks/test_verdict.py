"""Verdicts over rounds: tables of what is believed after each, and what must hold for all."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferencehealth.checks.history import History, PodFacts, Thresholds, begin, resume
from inferencehealth.checks.steps import Item, Reading, Sign
from inferencehealth.checks.verdict import judge
from inferencehealth.checks.verdicts import SERVING, Verdict

INTERVAL = 10.0
BUDGET = 600.0
START = 1_000_000.0
THRESHOLDS = Thresholds(failures=3, successes=2, startup_budget=BUDGET)
POD = PodFacts(uid="a", ip="10.0.0.1", started_at=START)

SAYS = {
    "S": Reading(Sign.SERVES),
    "D": Reading(Sign.DEGRADED, "ComponentDown", "license_proxy is down"),
    "L": Reading(Sign.LOADING, "ModelLoading", "resnet50 is loading"),
    "K": Reading(Sign.NOT_READY, "ServerNotReady", "the server says that it is not ready"),
    "B": Reading(Sign.BUSY, "QueueFull", "every slot is taken"),
    "Z": Reading(Sign.ASLEEP, "Asleep", "put to sleep"),
    "F": Reading(Sign.FAILS, "ModelLoadFailed", "resnet50 failed to load"),
    "G": Reading(Sign.FAILS, "ModelNotFound", "no resnet50"),
    "R": Reading(Sign.SILENT, "ConnectionRefused", "nothing listens on the server's port"),
    "N": Reading(Sign.SILENT, "NoAnswer", "no answer in time"),
    "U": Reading(Sign.UNKNOWN, "Unreachable", "no route"),
}
LETTER = {
    Verdict.READY: "r",
    Verdict.DEGRADED: "d",
    Verdict.BUSY: "b",
    Verdict.LOADING: "l",
    Verdict.ASLEEP: "z",
    Verdict.BROKEN: "x",
    Verdict.UNKNOWN: "?",
}


def at(seconds: float) -> float:
    return START + seconds


def rounds(said: str, history: History, pod: PodFacts, since: float = 0.0) -> list[History]:
    """The history after each round; "+" before a round: the container has just restarted."""
    histories, now = [], at(since)
    for letter in said:
        if letter == "+":
            pod = replace(pod, started_at=now, restarts=pod.restarts + 1)
            continue
        now += INTERVAL
        history = judge(SAYS[letter], pod, history, THRESHOLDS, now)
        histories.append(history)
    return histories


def verdicts(histories: list[History]) -> str:
    return "".join(LETTER[history.verdict] for history in histories)


def serving() -> History:
    return rounds("S", begin(POD, at(0)), POD)[-1]


@pytest.mark.parametrize(
    ("why", "said", "believed"),
    [
        ("the first answer decides", "S", "r"),
        ("the first failure decides where there is nothing to lose", "F", "x"),
        ("a starting server loads", "RRRNR", "lllll"),
        ("serving after loading takes the threshold", "RRSS", "lllr"),
        ("one that says so loads", "LLLSS", "llllr"),
        ("one that never served and is not ready loads", "KKKSS", "llllr"),
        ("a failure while loading takes the threshold", "LLFFF", "llllx"),
        ("a loading server that goes silent still starts", "LLRR", "llll"),
        ("what failed and went silent is not starting", "FFRRR", "xxxxx"),
        ("blocked from the start is unknown", "UUUU", "????"),
        ("unknown ends with the first answer", "UUS", "??r"),
        ("unknown ends with the first failure", "UUF", "??x"),
        ("what asks for sleep and is not ready yet wakes", "ZZKKKKS", "zzlllll"),
        ("unknown ends with silence while it may be starting", "UUR", "??l"),
        ("asleep from the start", "Z", "z"),
        ("busy from the start", "B", "b"),
        ("degraded from the start", "D", "d"),
    ],
)
def test_a_pod_that_nobody_judged_before(why: str, said: str, believed: str) -> None:
    assert verdicts(rounds(said, begin(POD, at(0)), POD)) == believed, why


@pytest.mark.parametrize(
    ("why", "said", "believed"),
    [
        ("it stays ready", "SSSS", "rrrr"),
        ("two failures change nothing", "FFS", "rrr"),
        ("three do", "FFF", "rrx"),
        ("failures of all kinds add up", "FRN", "rrx"),
        ("a success in between starts over", "FFSFF", "rrrrr"),
        ("a refusal after serving is a failure", "RRR", "rrx"),
        ("one slow answer is no news, two are, three are too many", "NNN", "rbx"),
        ("busy ends with the success threshold", "NNSS", "rbbr"),
        ("a busy server is never broken", "BBBBBBBB", "rbbbbbbb"),
        ("loading again is seen at the second round", "LLL", "rll"),
        ("not ready after serving is a failure at the threshold", "KKK", "rrx"),
        ("not ready adds up with other failures", "FKR", "rrx"),
        ("not ready is loading while it tells that it loads again", "LLKKKK", "rlllll"),
        ("not ready is no failure any more after a restart", "KK+KKK", "rrlll"),
        ("what it says by turns does not keep it ready", "LBLB", "rrlb"),
        ("nor do failures in between", "FLFLF", "rrrll"),
        ("nor does what we cannot hear", "LULUL", "rrlll"),
        ("after unknown a failure takes the threshold", "UUFFF", "r???x"),
        ("after unknown serving is believed at once", "UUS", "r?r"),
        ("asleep is seen at the second round", "ZZ", "rz"),
        ("degraded is seen at the second round", "DDD", "rdd"),
        ("degraded on and off is no news", "DSDSDS", "rrrrrr"),
        ("recovering takes the success threshold", "FFFSS", "rrxxr"),
        ("recovering on and off takes longer", "FFFSFSS", "rrxxxxr"),
        ("one unknown is no news", "USUS", "rrrr"),
        ("two are", "UU", "r?"),
        ("unknown does not count as a failure", "FUFUF", "rrrrx"),
        ("unknown forgets the failures before it", "FFUUR", "rrr??"),
        ("unknown for ever is never broken", "U" * 20, "r" + "?" * 19),
        ("broken to loading takes two", "FFFLL", "rrxxl"),
        ("a restarted container loads at once", "+RR", "ll"),
        ("a restarted container that serves was never away", "+S", "r"),
        ("a restart forgets the failures before it", "FF+F", "rrx"),
        ("after a restart failures count anew", "FF+RFF", "rrlll"),
    ],
)
def test_a_pod_that_serves(why: str, said: str, believed: str) -> None:
    assert verdicts(rounds(said, serving(), POD, since=INTERVAL)) == believed, why


def test_a_loading_server_is_broken_only_after_its_budget() -> None:
    said = "L" * 65
    believed = verdicts(rounds(said, begin(POD, at(0)), POD))
    assert believed == "l" * 62 + "xxx"


def test_a_silent_server_that_never_served_is_broken_only_after_its_budget() -> None:
    histories = rounds("R" * 65, begin(POD, at(0)), POD)
    assert verdicts(histories) == "l" * 62 + "xxx"
    assert histories[-1].reason == "StartupBudgetExceeded"
    assert "10m30s" in histories[-1].message
    assert "budget is 10m" in histories[-1].message


def test_loading_again_counts_from_when_it_was_first_seen() -> None:
    late = rounds("S" + "L" * 61, serving(), POD, since=10 * BUDGET)
    assert verdicts(late) == "rr" + "l" * 60
    assert verdicts(rounds("LLL", late[-1], POD, since=10 * BUDGET + 62 * INTERVAL)) == "llx"


def test_a_pod_found_old_and_silent_is_given_the_threshold() -> None:
    assert verdicts(rounds("RRR", begin(POD, at(0)), POD, since=2 * BUDGET)) == "??x"


def test_a_mesh_that_keeps_us_out_is_not_held_against_the_pod() -> None:
    reset = Reading(Sign.SILENT, "ConnectionReset", "closed without an answer")
    ready = replace(POD, ready=True)
    for pod, expected in ((ready, Verdict.UNKNOWN), (POD, Verdict.BROKEN)):
        history = begin(pod, at(0))
        for turn in range(80):
            history = judge(reset, pod, history, THRESHOLDS, at(turn * INTERVAL))
        assert history.verdict is expected
    history = rounds("S", begin(ready, at(0)), ready)[-1]
    for turn in range(3):
        history = judge(reset, ready, history, THRESHOLDS, at(20 + turn * INTERVAL))
    assert (history.verdict, history.reason) == (Verdict.BROKEN, "ConnectionReset")


def test_no_answer_tells_for_how_long() -> None:
    broken = rounds("NNN", serving(), POD, since=INTERVAL)[-1]
    assert broken.reason == "NoAnswer"
    assert broken.message == (
        "it accepts connections but has not answered for 20s (3 checks in a row)"
    )


def test_until_the_threshold_nothing_to_be_seen_changes() -> None:
    before = serving()
    for history in rounds("FF", before, POD, since=INTERVAL):
        assert (history.verdict, history.reason, history.message, history.since) == (
            before.verdict,
            before.reason,
            before.message,
            before.since,
        )


def test_a_steady_pod_has_the_very_same_history() -> None:
    for letter in "SDZBFLU":
        *_, before, last = rounds(letter * 8, begin(POD, at(0)), POD)
        shown = (before.verdict, before.reason, before.message, before.since, before.models)
        assert shown == (last.verdict, last.reason, last.message, last.since, last.models)
    *_, before, last = rounds("SSSS", begin(POD, at(0)), POD)
    assert last is before


def test_another_reason_is_news_when_it_lasts() -> None:
    histories = rounds("FFFGFGG", serving(), POD, since=INTERVAL)
    assert [h.reason for h in histories[2:]] == [
        "ModelLoadFailed",
        "ModelLoadFailed",
        "ModelLoadFailed",
        "ModelLoadFailed",
        "ModelNotFound",
    ]
    assert len({h.since for h in histories[2:]}) == 1


def test_a_message_that_never_repeats_is_no_news() -> None:
    history = judge(SAYS["F"], POD, begin(POD, at(0)), THRESHOLDS, at(10))
    for count in range(8):
        reading = replace(SAYS["F"], message=f"failed {count} times")
        history = judge(reading, POD, history, THRESHOLDS, at(20 + count))
    assert history.message == SAYS["F"].message


def test_items_are_news_by_state_and_not_by_message() -> None:
    item = Item("resnet50", Sign.SERVES, message="up 1s")
    first = judge(Reading(Sign.SERVES, models=(item,)), POD, serving(), THRESHOLDS, at(20))
    counted = Reading(Sign.SERVES, models=(replace(item, message="up 2s"),))
    second = judge(counted, POD, first, THRESHOLDS, at(30))
    assert second is first
    down = Reading(Sign.SERVES, models=(replace(item, sign=Sign.FAILS),))
    assert judge(down, POD, second, THRESHOLDS, at(40)).models == down.models


@pytest.mark.parametrize(
    ("pod", "verdict", "reason", "told"),
    [
        (replace(POD, ip="", phase="Pending"), Verdict.LOADING, "PodPending", "being started"),
        (
            replace(POD, ip="", phase="Pending", unschedulable="0/3 nodes: no GPU"),
            Verdict.LOADING,
            "PodPending",
            "0/3 nodes: no GPU",
        ),
        (
            replace(POD, waiting="CrashLoopBackOff", last_termination="OOMKilled", restarts=7),
            Verdict.BROKEN,
            "CrashLoopBackOff",
            "OOMKilled, restarts 7",
        ),
        (replace(POD, waiting="ErrImagePull"), Verdict.BROKEN, "ImagePullBackOff", "image"),
        (replace(POD, waiting="ImagePullBackOff"), Verdict.BROKEN, "ImagePullBackOff", "image"),
        (
            replace(POD, waiting="CreateContainerConfigError"),
            Verdict.BROKEN,
            "CreateContainerConfigError",
            "cannot be started",
        ),
    ],
)
def test_what_kubernetes_knows_needs_no_check(
    pod: PodFacts, verdict: Verdict, reason: str, told: str
) -> None:
    known = judge(None, pod, begin(pod, at(0)), THRESHOLDS, at(1))
    assert (known.verdict, known.reason, known.settled) == (verdict, reason, True)
    assert told in known.message
    assert judge(None, pod, known, THRESHOLDS, at(2)) is known


def test_a_crash_loop_is_broken_all_the_way_until_it_serves() -> None:
    waiting = replace(POD, waiting="CrashLoopBackOff", started_at=None, restarts=1)
    history = judge(None, waiting, serving(), THRESHOLDS, at(100))
    running = replace(POD, started_at=at(110), restarts=2)
    loading = rounds("RLRL", history, running, since=110)
    assert verdicts(loading) == "xxxx"
    assert verdicts(rounds("SS", loading[-1], running, since=150)) == "rr"


def test_a_pod_of_the_same_name_begins_anew() -> None:
    other = replace(POD, uid="b", started_at=at(500))
    history = judge(SAYS["R"], other, serving(), THRESHOLDS, at(510))
    assert (history.uid, history.verdict, history.served) == ("b", Verdict.LOADING, False)


@pytest.mark.parametrize(
    ("why", "verdict", "reason", "said", "believed"),
    [
        ("a ready pod is not broken by one failure", Verdict.READY, "Serving", "FFF", "rrx"),
        ("a ready pod that refuses had served", Verdict.READY, "Serving", "RRR", "rrx"),
        ("a ready pod that is not ready had served", Verdict.READY, "Serving", "KKK", "rrx"),
        ("one that stopped serving had served", Verdict.BROKEN, "StoppedServing", "KK", "xx"),
        ("a broken pod is not healed by one success", Verdict.BROKEN, "NoAnswer", "SS", "xr"),
        ("a broken pod stays broken", Verdict.BROKEN, "NoAnswer", "NN", "xx"),
        ("a loading pod goes on loading", Verdict.LOADING, "ModelLoading", "LL", "ll"),
        ("what we lost sight of had served", Verdict.UNKNOWN, "CheckerInterrupted", "FFF", "??x"),
        ("what we doubted had served", Verdict.UNKNOWN, "CheckerSuspect", "RRR", "??x"),
        ("an unknown pod is believed at once", Verdict.UNKNOWN, "ConnectTimeout", "S", "r"),
    ],
)
def test_a_restart_of_the_checker_changes_no_verdict_by_itself(
    why: str, verdict: Verdict, reason: str, said: str, believed: str
) -> None:
    history = resume(POD, verdict, reason, "", since=at(100))
    assert not history.settled
    histories = rounds(said, history, POD, since=2 * BUDGET if verdict in SERVING else 200)
    assert verdicts(histories) == believed, why
    assert histories[-1].settled
    if believed[-1] == LETTER[verdict]:
        assert histories[-1].since == at(100)
        assert histories[-1].reason == reason


def test_a_restart_of_the_checker_never_hides_a_verdict_for_long() -> None:
    history = resume(POD, Verdict.READY, "Serving", "", since=at(100))
    doubtful = rounds("UFUFU", history, POD, since=200)
    assert verdicts(doubtful[:-1]) == "rrrr"
    assert doubtful[-1].settled


LETTERS = st.text(alphabet="SDLBZFGRNU+", max_size=40)
OF_ONE_START = st.text(alphabet="SDLBZFGRNU", max_size=40)


@given(said=st.text(alphabet="U", max_size=30), before=LETTERS)
def test_trouble_of_our_own_never_breaks_a_pod(said: str, before: str) -> None:
    history = rounds("S" + before, begin(POD, at(0)), POD)[-1]
    after = verdicts(rounds(said, history, POD, since=500))
    assert "x" not in after.lstrip("x")


@given(said=LETTERS)
def test_a_pod_becomes_ready_only_by_serving(said: str) -> None:
    believed = LETTER[Verdict.UNKNOWN]
    letters = said.replace("+", "")
    for letter, now in zip(letters, verdicts(rounds(said, begin(POD, at(0)), POD)), strict=True):
        if now != believed and now in "rd":
            assert letter in "SD"
        if now != believed and now == "x":
            assert letter in "FGRNL"
        believed = now


@given(said=OF_ONE_START, bad=st.text(alphabet="FGRN", min_size=1, max_size=2))
def test_fewer_failures_than_the_threshold_never_break_what_serves(said: str, bad: str) -> None:
    history = rounds(said + "SS", begin(POD, at(0)), POD)[-1]
    assert history.verdict is Verdict.READY
    assert "x" not in verdicts(rounds(bad, history, POD, since=500))


@given(said=OF_ONE_START, last=st.sampled_from("SDBZFU"))
def test_what_is_said_often_enough_is_believed(said: str, last: str) -> None:
    history = rounds(said + last * 4, begin(POD, at(0)), POD)[-1]
    expected = {"S": "r", "D": "d", "B": "b", "Z": "z", "F": "x", "U": "?"}
    assert LETTER[history.verdict] == expected[last]
