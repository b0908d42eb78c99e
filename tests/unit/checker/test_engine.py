"""The engine over changes and rounds: what it says, what it drops, when it keeps silent."""

import asyncio
from dataclasses import replace

from inferencehealth.api.report import MAX_PODS, Health
from inferencehealth.checker.engine import Engine, Transition
from inferencehealth.checker.reports import ReportRecord
from inferencehealth.checker.shards import Share, alone, owner
from inferencehealth.checker.work import Checked
from inferencehealth.checks.clock import Clock
from inferencehealth.checks.steps import Answer, Outcome, Peer, Request
from inferencehealth.checks.verdicts import Verdict
from inferencehealth.kube.pods import PodRecord
from inferencehealth.kube.store import Key

from .values import (
    BLOCKED,
    NOT_READY,
    OK,
    REFUSED,
    START,
    added,
    deleted,
    modified,
    pod,
    report,
    selecting,
    spec,
)

KEY: Key = ("ml", "triton")
NEIGHBOUR = next(n for n in map(str, range(99)) if owner("uid-triton", ["c-0", n]) == n)
"""A member that the report of that workload belongs to, beside c-0."""


class World:
    """An engine whose servers answer as the test says, and whose clock the test moves."""

    def __init__(self) -> None:
        self.now = START + 60.0
        self.set_by = 0.0
        self.in_contact = True
        self.answers: dict[str, Answer] = {}
        self.marked: list[Key] = []
        self.news = asyncio.Event()
        self.told: list[Transition] = []
        self.hold: asyncio.Event | None = None
        self.engine = Engine(
            ask=self._ask,
            identity="c-0",
            concurrency=100,
            mark=self._mark,
            told=self.told.append,
            in_contact=lambda: self.in_contact,
            clock=Clock(wall=lambda: self.now + self.set_by, steady=lambda: self.now),
            sleepless=lambda: self.now,
        )

    async def _ask(self, peer: Peer, port: int, request: Request, **_: float) -> Answer:
        if self.hold is not None:
            await self.hold.wait()
        return self.answers.get(peer.address, OK)

    def _mark(self, key: Key) -> None:
        self.marked.append(key)
        self.news.set()

    def checked(self, name: str = "triton-0") -> Checked:
        return next(c for c in self.engine.checked() if c.pod.name == name)

    async def round(self, *names: str) -> None:
        """One round over the named pods, or all."""
        self.watch(10)
        for checked in list(self.engine.checked()):
            if not names or checked.pod.name in names:
                await self.engine._check(checked)

    def watch(self, seconds: int) -> None:
        """Time passes, and the checker is awake."""
        for _ in range(seconds):
            self.now += 1
            self.engine.attention.look()

    def said(self, previous: Health | None = None) -> Health:
        found = self.engine.render(KEY, previous)
        assert found is not None
        return found


def world(*values: PodRecord | ReportRecord) -> World:
    """An engine that knows these, or one report with one pod."""
    made = World()
    for value in values or (report(), pod()):
        if isinstance(value, PodRecord):
            made.engine.on_pod(added(value))
        else:
            made.engine.on_report(added(value))
    made.engine.start()
    return made


async def test_nothing_is_said_before_every_pod_was_asked() -> None:
    w = world(report(), pod("a", ip="10.0.0.1"), pod("b", ip="10.0.0.2"))
    assert w.engine.render(KEY, None) is None
    await w.round("a")
    assert w.engine.render(KEY, None) is None
    w.marked.clear()
    await w.round("b")
    assert KEY in w.marked
    assert (w.said().verdict, w.said().pods_serving, w.said().checked_by) == ("Ready", "2/2", "c-0")


async def test_nothing_is_said_before_everything_is_known() -> None:
    w = World()
    w.engine.on_report(added(report()))
    assert w.engine.render(KEY, None) is None
    w.engine.on_pod(added(pod()))
    w.engine.start()
    assert w.engine.render(KEY, None) is None
    await w.round()
    assert w.said().verdict == "Ready"


async def test_a_report_without_pods_says_so_at_once() -> None:
    assert world(report()).said().reason == "NoPods"


async def test_a_steady_pod_marks_nothing() -> None:
    w = world()
    await w.round()
    said = w.said()
    w.marked.clear()
    for _ in range(5):
        await w.round()
    assert w.marked == []
    assert w.engine.render(KEY, said) is None


async def test_a_broken_pod_is_told_after_the_threshold() -> None:
    w = world()
    await w.round()
    w.answers["10.0.0.1"] = NOT_READY
    w.told.clear()
    w.marked.clear()
    await w.round()
    assert (w.told, w.marked) == ([], [])
    await w.round()
    assert [t.after.verdict for t in w.told] == [Verdict.BROKEN]
    assert w.marked == [KEY]
    assert w.said().verdict == "Broken"


async def test_a_pod_that_kubernetes_gave_up_on_needs_no_check() -> None:
    w = world(report(), pod(waiting="CrashLoopBackOff", started_at=None, restarts=4))
    assert (w.said().verdict, w.said().reason) == ("Broken", "CrashLoopBackOff")
    assert w.said().pods[0].restarts == 4


async def test_a_pending_pod_loads() -> None:
    w = world(report(), pod(ip="", started_at=None, ready=False))
    assert (w.said().verdict, w.said().reason) == ("Loading", "PodPending")


async def test_a_pod_being_deleted_is_not_counted() -> None:
    a, b = pod("a"), pod("b", ip="10.0.0.2")
    w = world(report(), a, b)
    await w.round()
    w.engine.on_pod(modified(b, deleting=True))
    assert w.said().pods_serving == "1/1"
    w.engine.on_pod(deleted(replace(b, deleting=True)))
    assert w.said().pods_serving == "1/1"


async def test_what_the_kubelet_says_is_shown_when_it_changes() -> None:
    w = world()
    await w.round()
    w.marked.clear()
    w.engine.on_pod(modified(pod(), ready=False))
    assert w.marked == [KEY]
    assert not w.said().pods[0].kubelet_ready


async def test_a_reading_that_returns_after_its_pod_is_gone_is_dropped() -> None:
    w = world()
    await w.round()
    w.hold = asyncio.Event()
    late = asyncio.create_task(w.engine._check(w.checked()))
    await asyncio.sleep(0)
    w.engine.on_pod(deleted(pod()))
    w.engine.on_pod(added(pod(uid="another")))
    w.told.clear()
    w.hold.set()
    await late
    assert w.checked().history.reason == "NotChecked"
    assert w.told == []


async def test_a_reading_of_another_address_is_dropped() -> None:
    w = world()
    w.hold = asyncio.Event()
    late = asyncio.create_task(w.engine._check(w.checked()))
    await asyncio.sleep(0)
    w.engine.on_pod(modified(pod(), ip="10.0.0.7"))
    w.hold.set()
    await late
    assert w.checked().history.reason == "NotChecked"


async def test_a_reading_of_the_container_before_its_restart_is_dropped() -> None:
    w = world()
    w.hold = asyncio.Event()
    late = asyncio.create_task(w.engine._check(w.checked()))
    await asyncio.sleep(0)
    w.engine.on_pod(modified(pod(), containers=pod(started_at=START + 50, restarts=1).containers))
    w.hold.set()
    await late
    assert w.checked().history.reason == "NotChecked"


async def test_a_reading_by_an_old_spec_is_dropped_and_all_are_asked_again() -> None:
    w = world()
    await w.round()
    w.hold = asyncio.Event()
    late = asyncio.create_task(w.engine._check(w.checked()))
    await asyncio.sleep(0)
    w.engine.on_report(modified(report(), generation=2, check=spec(port=9000)))
    w.hold.set()
    await late
    assert w.engine.render(KEY, None) is None
    await w.round()
    assert w.said().observed_generation == 2


async def test_after_the_question_changed_the_first_answer_decides() -> None:
    w = world()
    await w.round()
    assert w.said().verdict == "Ready"
    w.answers[pod().ip] = NOT_READY
    w.engine.on_report(modified(report(), generation=2, check=spec(port=9000)))
    await w.round()
    assert (w.said().observed_generation, w.said().verdict) == (2, "Broken")


async def test_a_new_generation_that_checks_the_same_is_said_at_once() -> None:
    w = world()
    await w.round()
    w.marked.clear()
    w.engine.on_report(modified(report(), generation=2))
    assert w.marked == [KEY]
    assert w.said().observed_generation == 2


async def test_our_own_writing_coming_back_changes_nothing() -> None:
    w = world()
    await w.round()
    said = w.said()
    w.marked.clear()
    w.engine.on_report(modified(report(), health=said))
    assert w.marked == []
    assert w.engine.render(KEY, said) is None


async def test_a_restart_of_the_checker_writes_nothing_when_nothing_changed() -> None:
    before = world()
    await before.round()
    said = before.said()
    after = world(report(health=said), pod())
    after.now = before.now + 300
    await after.round()
    assert after.engine.render(KEY, said) is None
    assert after.told == []


async def test_a_restart_of_the_checker_never_flaps() -> None:
    before = world()
    await before.round()
    said = before.said()
    after = world(report(health=said), pod())
    after.now = before.now
    after.answers["10.0.0.1"] = REFUSED
    await after.round()
    assert after.engine.render(KEY, said) is None
    await after.round()
    assert after.said(said).verdict == "Broken"


async def test_a_selector_that_changes_takes_other_pods() -> None:
    w = world(report(), pod("a"), pod("b", app="other", ip="10.0.0.2"))
    await w.round()
    changed = spec(podSelector={"matchLabels": {"app": "other"}})
    assert changed.pod_selector == selecting(app="other")
    w.engine.on_report(modified(report(), generation=2, check=changed))
    await w.round()
    assert [p.name for p in w.said().pods] == ["b"]


async def test_a_report_that_is_gone_is_checked_no_more() -> None:
    w = world()
    await w.round()
    w.marked.clear()
    w.engine.on_report(deleted(report()))
    assert list(w.engine.checked()) == []
    assert w.engine.render(KEY, None) is None
    assert w.engine.record(KEY) is None
    assert KEY in w.marked
    w.engine.on_pod(modified(pod(), ready=False))


async def test_a_pod_that_joins_later_holds_nothing_up() -> None:
    w = world()
    await w.round()
    w.engine.on_pod(added(pod("b", ip="10.0.0.2")))
    assert w.said().pods_serving == "1/2"
    assert w.said().pods[0].reason == "NotChecked"


async def test_a_blocked_pod_is_unknown_and_never_broken() -> None:
    w = world()
    w.answers["10.0.0.1"] = BLOCKED
    for _ in range(10):
        await w.round()
    assert (w.said().verdict, w.said().reason) == ("Unknown", "ConnectTimeout")


NAMES = [f"p{n}" for n in range(20)]


async def twenty_policies() -> World:
    """Twenty pods of as many policies, all serving."""
    w = world(
        *(report(n, spec(podSelector={"matchLabels": {"app": n}}), policy=n) for n in NAMES),
        *(pod(n, app=n, ip=f"10.0.1.{i}") for i, n in enumerate(NAMES)),
    )
    await w.round()
    return w


async def spread_rounds(w: World, rounds: int) -> list[tuple[Verdict, str]]:
    """So many intervals in which each pod is asked once; what is believed of them then."""
    for _ in range(rounds):
        for name in NAMES:
            w.now += 0.5
            await w.engine._check(w.checked(name))
    return [(c.history.verdict, c.history.reason) for c in w.engine.checked()]


async def test_a_mass_silence_makes_all_unknown_within_two_intervals_and_none_broken() -> None:
    w = await twenty_policies()
    w.answers = {f"10.0.1.{i}": REFUSED for i in range(20)}
    assert await spread_rounds(w, 2) == [(Verdict.UNKNOWN, "CheckerSuspect")] * 20
    assert w.engine.suspects_itself
    assert Verdict.BROKEN not in {t.after.verdict for t in w.told}
    w.answers.clear()
    assert await spread_rounds(w, 1) == [(Verdict.READY, "Serving")] * 20
    assert not w.engine.suspects_itself


async def test_a_doubt_that_begins_while_another_answers_makes_no_silent_pod_serve() -> None:
    w = await twenty_policies()
    w.answers = {f"10.0.1.{i}": REFUSED for i in range(19)}
    for name in (*NAMES[:10], NAMES[19]):  # too few to doubt
        await w.engine._check(w.checked(name))
    w.now += 0.5
    for name in NAMES[10:19]:  # enough, but counted too lately
        await w.engine._check(w.checked(name))
    assert not w.engine.suspects_itself
    w.now += 0.6
    await w.engine._check(w.checked(NAMES[19]))
    assert w.engine.suspects_itself
    seen = w.checked(NAMES[0]).history.seen
    assert seen is not None
    assert seen[:2] == (Verdict.UNKNOWN, "CheckerSuspect")


async def test_when_the_kubelets_find_them_unready_too_all_are_broken() -> None:
    w = await twenty_policies()
    w.answers = {f"10.0.1.{i}": REFUSED for i in range(20)}
    for i, name in enumerate(NAMES):
        w.engine.on_pod(modified(pod(name, app=name, ip=f"10.0.1.{i}"), ready=False))
    assert await spread_rounds(w, 2) == [(Verdict.BROKEN, "ConnectionRefused")] * 20


async def test_a_single_pod_is_unknown_when_the_api_server_is_silent_too() -> None:
    w = world()
    await w.round()
    w.in_contact = False
    w.answers["10.0.0.1"] = REFUSED
    await w.round()
    await w.round()
    assert (w.said().verdict, w.said().reason) == ("Unknown", "CheckerSuspect")
    w.in_contact = True
    await w.round()
    await w.round()
    assert w.said().verdict == "Broken"


async def test_the_scheduler_runs_what_the_engine_checks() -> None:
    w = world(report(check=spec(interval="50ms")), pod())
    w.news.clear()
    running = asyncio.create_task(w.engine.scheduler.run())
    await asyncio.wait_for(w.news.wait(), 5)
    running.cancel()
    assert w.engine.keeps_up()
    assert w.said().verdict == "Ready"


def test_too_late_checks_are_no_sign_of_life() -> None:
    w = world()
    w.engine.scheduler._clock = lambda: 1e12
    assert not w.engine.keeps_up()


def held_by(share: Share) -> set[str]:
    """The names of 20 workloads' reports that an engine with that share checks."""
    names = [f"w{n}" for n in range(20)]
    w = World()
    w.engine.divide(share)
    for name in names:
        w.engine.on_report(added(report(name, spec(podSelector={"matchLabels": {"app": name}}))))
        w.engine.on_pod(added(pod(name, app=name)))
    return {checked.pod.name for checked in w.engine.checked()}


def test_engines_of_several_members_check_every_pod_once() -> None:
    members = frozenset({"c-0", "c-1", "c-2"})
    held = [held_by(Share(me, members)) for me in sorted(members)]
    assert all(held)
    assert sum(map(len, held)) == len(set().union(*held)) == 20


def test_a_share_that_may_not_grow_takes_nothing_on() -> None:
    assert held_by(Share("c-0", frozenset({"c-0"}), growing=False)) == set()


async def test_what_is_no_longer_ours_is_neither_checked_nor_written() -> None:
    w = world()
    await w.round()
    w.marked.clear()
    w.engine.divide(Share("c-0", frozenset({"c-0", NEIGHBOUR})))
    assert list(w.engine.checked()) == []
    assert w.engine.render(KEY, None) is None
    assert w.engine.record(KEY) is None
    assert w.marked == [KEY]
    assert w.engine.scheduler.lateness() == 0.0


async def test_a_reading_that_returns_after_its_report_was_given_up_is_dropped() -> None:
    w = world()
    w.hold = asyncio.Event()
    late = asyncio.create_task(w.engine._check(w.checked()))
    await asyncio.sleep(0)
    w.engine.divide(Share("c-0", frozenset({"c-0", NEIGHBOUR})))
    w.hold.set()
    await late
    assert w.told == []


async def test_a_report_taken_over_keeps_its_verdict_until_a_full_threshold() -> None:
    theirs = world()
    await theirs.round()
    said = theirs.said().model_copy(update={"checked_by": "c-1"})
    w = World()
    w.engine.divide(Share("c-0", frozenset({"c-0", NEIGHBOUR})))
    w.engine.on_report(added(report(health=said)))
    w.engine.on_pod(added(pod()))
    w.engine.start()
    assert list(w.engine.checked()) == []
    w.engine.divide(alone("c-0"))
    w.answers["10.0.0.1"] = NOT_READY
    await w.round()
    assert w.checked().history.verdict is Verdict.READY
    assert w.engine.render(KEY, said) is None
    await w.round()
    assert w.said(said).verdict == "Broken"


async def test_what_another_wrote_about_our_report_is_where_we_go_on_from() -> None:
    w = world()
    await w.round()
    w.answers["10.0.0.1"] = NOT_READY
    await w.round()
    other = w.said().model_copy(update={"checked_by": "c-1"})
    w.engine.on_report(modified(report(), health=other))
    assert w.checked().history.failures == 0
    assert w.engine.render(KEY, None) is None
    w.answers.clear()
    await w.round()
    assert (w.said(other).verdict, w.said(other).checked_by) == ("Ready", "c-0")


async def test_what_was_held_back_is_marked_when_we_may_write_again() -> None:
    w = world()
    await w.round()
    w.engine.divide(replace(alone("c-0"), growing=False))
    w.marked.clear()
    w.engine.divide(alone("c-0"))
    assert w.marked == [KEY]


async def test_a_check_over_which_we_stood_still_says_nothing() -> None:
    w = world()
    await w.round()
    w.answers["10.0.0.1"] = REFUSED
    w.hold = asyncio.Event()
    late = asyncio.create_task(w.engine._check(w.checked()))
    await asyncio.sleep(0)
    w.now += 8
    w.hold.set()
    await late
    assert w.checked().history.failures == 0
    assert (w.engine.counters.checks["Void"], w.engine.counters.lapses) == (1, 1)


async def test_after_a_long_lapse_what_served_is_unknown_until_it_is_asked() -> None:
    w = world(report(), pod("a", ip="10.0.0.1"), pod("b", ip="10.0.0.2"))
    w.answers["10.0.0.2"] = NOT_READY
    await w.round()
    w.now += 3600
    w.engine.attention.look()
    verdicts = {c.pod.name: c.history.verdict for c in w.engine.checked()}
    assert verdicts == {"a": Verdict.UNKNOWN, "b": Verdict.BROKEN}
    assert w.checked("a").history.reason == "CheckerInterrupted"
    await w.round("a")
    assert w.checked("a").history.verdict is Verdict.READY


async def test_a_clock_that_is_set_forward_breaks_no_loading_pod() -> None:
    w = world(report(), pod(started_at=int(START + 50)))
    w.answers["10.0.0.1"] = Answer(Outcome.ANSWERED, 503)
    await w.round()
    w.set_by = 7200.0
    await w.round()
    await w.round()
    assert w.checked().history.verdict is Verdict.LOADING


async def test_pods_that_had_no_place_in_a_report_keep_their_verdict_too() -> None:
    pods = [pod(f"triton-{n}", ip=f"10.0.0.{n}") for n in range(MAX_PODS + 3)]
    before = world(report(), *pods)
    await before.round()
    said = before.said()
    assert len(said.pods) == MAX_PODS < said.counts.ready
    after = world(report(health=said), *pods)
    after.now = before.now
    after.answers = {each.ip: NOT_READY for each in pods}
    await after.round()
    assert {c.history.verdict for c in after.engine.checked()} == {Verdict.READY}
    assert after.engine.render(KEY, said) is None
    await after.round()
    assert after.said(said).counts.broken == MAX_PODS + 3
