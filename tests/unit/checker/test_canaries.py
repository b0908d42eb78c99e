"""Canaries beside the rounds: who gets one, what it finds, and when it is dropped."""

import asyncio
import base64
from collections import Counter
from typing import Any

import pytest

from inferencehealth.checker.canaries import Canaries
from inferencehealth.checker.references import References
from inferencehealth.checker.reports import ReportRecord
from inferencehealth.checker.turns import canary_findings
from inferencehealth.checker.work import Checked, Work, first_history, work_for
from inferencehealth.checks.history import resume
from inferencehealth.checks.steps import Answer, Item, Outcome, Peer, Reading, Request, Sign
from inferencehealth.checks.verdicts import Verdict
from inferencehealth.kube.errors import Forbidden
from inferencehealth.kube.requests import Resource
from inferencehealth.kube.store import Key

from .values import OK, START, pod, report, spec

SERVES = Reading(Sign.SERVES)
BROKEN = Answer(Outcome.ANSWERED, 500)
HUNG = Answer(Outcome.NO_ANSWER)
CANARY = {"mode": "Custom", "path": "/v1/completions", "interval": "60s", "timeout": "10s"}


class World:
    """Servers that answer as the test says, and a clock that it moves."""

    def __init__(self, secret: dict[str, Any] | Exception | None = None) -> None:
        self.now = 0.0
        self.answers: dict[str, Answer] = {"/v1/completions": OK}
        self.sent: list[Request] = []
        self.asked: Counter[str] = Counter()
        self.hold = asyncio.Event()
        self.hold.set()
        self.secret = secret
        self.read = 0
        self.marked: list[Key] = []
        self.canaries = Canaries(
            self._ask, References(self._get, self._clock), self._clock, self.marked.append
        )

    def _clock(self) -> float:
        return self.now

    async def _ask(self, peer: Peer, port: int, request: Request, **_: float) -> Answer:
        self.asked[request.path] += 1
        if request.path == "/v1/completions":
            self.sent.append(request)
            await self.hold.wait()
        return self.answers.get(request.path, OK)

    async def _get(self, resource: Resource, name: str, **_: Any) -> dict[str, Any]:
        self.read += 1
        if isinstance(self.secret, Exception):
            raise self.secret
        return {"data": self.secret}

    async def rounds(self, checked: Checked, *, until: float, every: float = 10.0) -> Reading:
        """Rounds whose cheap steps serve; the reading of the last one."""
        while True:
            reading = self.canaries.weigh(checked, SERVES)
            await self.settled()
            if self.now >= until:
                return reading
            self.now += every

    async def settled(self) -> None:
        """What is in flight has gone as far as it can."""
        for _ in range(20):
            await asyncio.sleep(0)


def work(**changes: Any) -> Work:
    check = spec(failureThreshold=3, **({"canary": CANARY} | changes))
    record: ReportRecord = report(check=check)
    return work_for(record, check)


def joined(of: Work, name: str = "triton-0") -> Checked:
    found = pod(name)
    return Checked(of, found, first_history(of, found, START), looked_at=0.0)


async def test_a_good_canary_changes_nothing_and_is_seldom_sent() -> None:
    world, checked = World(), joined(work())
    assert await world.rounds(checked, until=600) is SERVES
    assert 8 <= len(world.sent) <= 11


async def test_a_failed_canary_counts_in_every_round_until_one_succeeds() -> None:
    world, checked = World(), joined(work())
    world.answers["/v1/completions"] = BROKEN
    for at in range(70, 200, 10):
        reading = await world.rounds(checked, until=at)
        assert (reading.sign, reading.reason) == (Sign.FAILS, "CanaryFailed")
    world.answers["/v1/completions"] = OK
    assert await world.rounds(checked, until=260) is SERVES


async def test_a_long_canary_holds_up_no_round() -> None:
    world, checked = World(), joined(work())
    world.hold.clear()
    assert await world.rounds(checked, until=300, every=1.0) is SERVES
    assert len(world.sent) == 1
    world.hold.set()


async def test_one_canary_is_in_flight_per_workload() -> None:
    world, same = World(), work()
    first, second = joined(same, "a"), joined(same, "b")
    world.hold.clear()
    for _ in range(100):
        world.now += 1
        world.canaries.weigh(first, SERVES)
        world.canaries.weigh(second, SERVES)
        await world.settled()
    assert len(world.sent) == 1
    world.hold.set()
    await world.settled()
    world.canaries.weigh(first, SERVES)
    world.canaries.weigh(second, SERVES)
    await world.settled()
    assert len(world.sent) == 2


async def test_a_result_about_another_start_is_dropped() -> None:
    world, checked = World(), joined(work())
    world.answers["/v1/completions"] = BROKEN
    world.hold.clear()
    await world.rounds(checked, until=70)
    checked.see(pod("triton-0", started_at=START + 100))
    world.hold.set()
    await world.settled()
    assert world.canaries.weigh(checked, SERVES) is SERVES


async def test_a_pod_that_was_broken_by_its_canary_stays_so_over_a_restart_of_ours() -> None:
    world, checked = World(), joined(work())
    checked.history = resume(
        checked.facts, Verdict.BROKEN, "CanaryFailed", "500", START + 10, now=START + 60
    )
    world.hold.clear()
    reading = world.canaries.weigh(checked, SERVES)
    assert (reading.sign, reading.reason) == (Sign.FAILS, "CanaryFailed")
    world.hold.set()
    await world.settled()
    assert len(world.sent) == 1
    assert world.canaries.weigh(checked, SERVES) is SERVES


@pytest.mark.parametrize("sign", [Sign.LOADING, Sign.BUSY, Sign.ASLEEP, Sign.SILENT])
async def test_nothing_is_sent_to_a_server_that_does_not_serve(sign: Sign) -> None:
    world, checked = World(), joined(work())
    for _ in range(30):
        world.now += 10
        world.canaries.weigh(checked, Reading(sign))
        await world.settled()
    assert world.sent == []


async def test_a_sleeping_model_is_left_asleep() -> None:
    world, checked = World(), joined(work())
    asleep = Reading(Sign.SERVES, models=(Item("m", Sign.ASLEEP),))
    for _ in range(30):
        world.now += 10
        world.canaries.weigh(checked, asleep)
        await world.settled()
    assert world.sent == []


def vllm() -> Work:
    return work(profile="vllm", endpoints=None, interval="10s")


def metrics(tokens: int, waiting: int = 0) -> Answer:
    body = f"vllm:generation_tokens_total {tokens}\nvllm:num_requests_waiting {waiting}\n"
    return Answer(Outcome.ANSWERED, 200, body.encode())


async def test_real_traffic_that_makes_progress_takes_the_canarys_place() -> None:
    world, checked = World(), joined(vllm())
    for tokens in range(60):
        world.answers["/metrics"] = metrics(1000 * tokens)
        await world.rounds(checked, until=world.now)
        world.now += 10
    assert len(world.sent) == 1  # the first look has nothing to compare with
    assert world.canaries.skipped >= 7


async def test_an_idle_server_gets_its_canary() -> None:
    world, checked = World(), joined(vllm())
    world.answers["/metrics"] = metrics(5)
    await world.rounds(checked, until=600)
    assert len(world.sent) >= 8


async def test_progress_never_takes_the_place_of_a_second_opinion() -> None:
    world, checked = World(), joined(vllm())
    world.answers |= {"/v1/completions": BROKEN, "/metrics": metrics(1)}
    await world.rounds(checked, until=70)
    sent = len(world.sent)
    world.answers["/metrics"] = metrics(2)
    await world.rounds(checked, until=100)
    assert len(world.sent) > sent


async def test_a_canary_that_waits_while_tokens_flow_is_busy() -> None:
    world, checked = World(), joined(vllm())
    world.answers |= {"/v1/completions": HUNG, "/metrics": metrics(5)}
    await world.rounds(checked, until=0)
    world.hold.clear()
    await world.rounds(checked, until=70)
    world.answers["/metrics"] = metrics(500, waiting=9)
    world.hold.set()
    await world.settled()
    reading = world.canaries.weigh(checked, SERVES)
    assert (reading.sign, reading.reason) == (Sign.BUSY, "Progressing")


async def test_an_idle_engine_that_hangs_is_found_by_two_canaries() -> None:
    world, checked = World(), joined(vllm())
    world.answers |= {"/v1/completions": HUNG, "/metrics": metrics(5)}
    while len(world.sent) < 2:
        reading = world.canaries.weigh(checked, SERVES)
        assert reading is SERVES
        await world.settled()
        world.now += 10
    reading = world.canaries.weigh(checked, SERVES)
    assert (reading.sign, reading.reason) == (Sign.FAILS, "CanaryTimedOut")


async def test_another_models_progress_takes_no_canarys_place() -> None:
    canary = CANARY | {"path": "/v2/models/m/infer"}
    world, checked = World(), joined(work(profile="triton", endpoints=None, canary=canary))
    for successes in range(30):
        body = (
            f'nv_inference_request_success{{model="m"}} 1\n'
            f'nv_inference_request_success{{model="other"}} {successes}\n'
        )
        world.answers["/metrics"] = Answer(Outcome.ANSWERED, 200, body.encode())
        await world.rounds(checked, until=world.now)
        world.now += 10
    assert world.asked["/v2/models/m/infer"] >= 4
    assert world.canaries.skipped == 0


def keyed() -> Work:
    return work(canary=CANARY | {"headersFrom": {"secretRef": {"name": "key"}}})


def encoded(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


async def test_the_secrets_entries_are_sent_as_headers_and_shown_nowhere() -> None:
    world, checked = World({"Authorization": encoded("Bearer s3cret\n")}), joined(keyed())
    await world.rounds(checked, until=70)
    assert ("Authorization", "Bearer s3cret") in world.sent[0].headers
    assert "s3cret" not in repr(world.sent[0])


async def test_a_header_of_the_secret_takes_the_place_of_our_own() -> None:
    world, checked = World({"content-type": encoded("text/plain")}), joined(keyed())
    await world.rounds(checked, until=70)
    assert world.sent[0].headers == (("content-type", "text/plain"),)


async def test_what_a_canary_found_while_we_stood_still_is_about_us() -> None:
    world, checked = World(), joined(work())
    world.answers["/v1/completions"] = BROKEN
    world.canaries._lapsed_since = lambda moment: world.now < 200
    assert await world.rounds(checked, until=190) is SERVES
    reading = await world.rounds(checked, until=300)
    assert reading.reason == "CanaryFailed"


async def test_a_secret_that_may_not_be_read_costs_the_canary_only() -> None:
    world, checked = World(Forbidden(403, "Forbidden", "no")), joined(keyed())
    assert await world.rounds(checked, until=600) is SERVES
    assert world.sent == []
    (state,) = checked.memory.canaries.values()
    assert state.unasked is not None
    assert state.unasked.reason == "CanarySecretUnreadable"
    assert "RoleBinding" in state.unasked.message


async def test_a_denied_key_is_read_anew() -> None:
    world, checked = World({"Authorization": encoded("old")}), joined(keyed())
    world.answers["/v1/completions"] = Answer(Outcome.ANSWERED, 401)
    reading = await world.rounds(checked, until=70)
    assert (reading.sign, reading.reason) == (Sign.UNKNOWN, "CanaryDenied")
    world.secret = {"Authorization": encoded("new")}
    await world.rounds(checked, until=140)
    assert world.sent[-1].headers[-1] == ("Authorization", "new")


async def test_what_is_in_flight_ends_with_the_checker() -> None:
    world, checked = World(), joined(work())
    world.hold.clear()
    await world.rounds(checked, until=70)
    await world.canaries.close()
    assert len(asyncio.all_tasks()) == 1


async def test_why_no_canary_was_sent_is_a_finding_and_marks_the_report_once() -> None:
    world, checked = World(Forbidden(403, "Forbidden", "no")), joined(keyed())
    await world.rounds(checked, until=600)
    assert world.marked == [checked.work.record.key]
    (state,) = checked.memory.canaries.values()
    (finding,) = canary_findings([state, state])
    assert (finding.id, finding.severity) == ("CanarySecretUnreadable", "warning")
    assert "RoleBinding" in finding.message


async def test_a_pod_that_waits_and_crashes_keeps_no_other_waiting() -> None:
    world, same = World(), work()
    first, second = joined(same, "a"), joined(same, "b")
    world.hold.clear()
    await world.rounds(first, until=70)
    await world.rounds(second, until=140)
    second.see(pod("b", waiting="CrashLoopBackOff"))
    world.hold.set()
    await world.rounds(first, until=400)
    assert len(world.sent) >= 4


async def test_of_many_pods_that_wait_none_is_passed_over() -> None:
    world, same = World(), work(canary=CANARY | {"interval": "20s"})
    pods = [joined(same, f"pod-{number}") for number in range(10)]
    turns: Counter[str] = Counter()
    ends: dict[float, asyncio.Future[None]] = {}

    async def five_seconds(peer: Peer, port: int, request: Request, **_: float) -> Answer:
        turns[peer.pod] += 1
        await ends.setdefault(world.now + 5, asyncio.Future())
        return OK

    world.canaries._ask = five_seconds
    for second in range(600):
        world.now = float(second)
        if world.now in ends:
            ends[world.now].set_result(None)
        world.canaries.weigh(pods[second % 10], SERVES)
        await world.settled()
    await world.canaries.close()
    assert sum(turns.values()) >= 80
    assert min(turns[each.pod.name] for each in pods) >= 7
