"""Canaries that profiles build, beside the rounds: whom they reach, and what they leave alone."""

import asyncio
import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest

from inferencehealth.checker.canaries import ALL_HANG, SIDE_BY_SIDE, Canaries
from inferencehealth.checker.tally import Ended
from inferencehealth.checker.turns import canary_findings
from inferencehealth.checker.work import Checked, Work
from inferencehealth.checks.history import resume
from inferencehealth.checks.steps import Answer, Item, Outcome, Peer, Reading, Request, Sign
from inferencehealth.checks.verdicts import Verdict

from .test_canaries import HUNG, START, World, joined, pod, work

AUTO = {"mode": "Auto", "interval": "60s", "timeout": "10s"}
METADATA = {"inputs": [{"name": "IN", "datatype": "FP32", "shape": [2]}]}


def told(status: int = 200, body: Any = None) -> Answer:
    return Answer(Outcome.ANSWERED, status, json.dumps(body).encode())


def auto(profile: str, *required: str, **changes: Any) -> Work:
    models = {"required": [{"name": name} for name in required]}
    return work(profile=profile, endpoints=None, models=models, canary=AUTO | changes)


class Servers(World):
    """All of them answer by path; the paths in `canaries` were asked for inference."""

    def __init__(self, inference: str = "/v1/completions") -> None:
        super().__init__()
        self.inference = inference
        self.answers = {inference: told(200, {"ok": 1}), "/metrics": told(404)}
        self.canary_at: list[tuple[float, str]] = []

    async def _ask(self, peer: Peer, port: int, request: Request, **_: float) -> Answer:
        self.asked[request.path] += 1
        if self.inference in request.path:
            self.canary_at.append((self.now, request.path))
            await self.hold.wait()
        return self.answers.get(request.path, told(404))

    async def seen(self, checked: Checked, reading: Reading, *, until: float) -> Reading:
        while True:
            found = self.canaries.weigh(checked, reading)
            await self.settled()
            if self.now >= until:
                return found
            self.now += 10


def models(*names: str, sign: Sign = Sign.SERVES) -> Reading:
    return Reading(Sign.SERVES, models=tuple(Item(name, sign) for name in names))


def triton(*names: str) -> Servers:
    world = Servers("/infer")
    for name in names:
        world.answers[f"/v2/models/{name}"] = told(200, METADATA)
        world.answers[f"/v2/models/{name}/infer"] = told(200, {"outputs": []})
    return world


async def test_an_idle_pod_gets_one_canary_a_minute_and_never_more() -> None:
    world, checked = Servers(), joined(auto("sglang", "m"))
    assert await world.seen(checked, models("m"), until=1200) == models("m")
    at = [moment for moment, _ in world.canary_at]
    assert 15 <= len(at) <= 20
    assert all(after - before >= 60 for before, after in itertools.pairwise(at))


async def test_the_canarys_own_tokens_are_no_traffic_of_others() -> None:
    world, checked = Servers(), joined(auto("vllm", "m"))
    tokens = 0

    async def ask(peer: Peer, port: int, request: Request, **_: float) -> Answer:
        nonlocal tokens
        if request.path == "/metrics":
            page = f"vllm:generation_tokens_total {tokens}\n".encode()
            return Answer(Outcome.ANSWERED, 200, page)
        tokens += 3
        world.canary_at.append((world.now, request.path))
        return told(200, {"choices": []})

    world.canaries._ask = ask
    await world.seen(checked, models("m"), until=1200)
    assert len(world.canary_at) >= 15
    assert world.canaries.skipped == 0


async def test_a_dead_engine_behind_green_endpoints_is_broken_within_two_canary_periods() -> None:
    world, checked = Servers(), joined(auto("vllm", "m"))
    world.answers["/metrics"] = Answer(Outcome.ANSWERED, 200, b"vllm:generation_tokens_total 5\n")
    await world.seen(checked, models("m"), until=200)
    world.answers["/v1/completions"] = HUNG
    found = await world.seen(checked, models("m"), until=320)
    assert (found.sign, found.reason) == (Sign.FAILS, "CanaryTimedOut")
    assert found.models[0].sign is Sign.FAILS


async def test_the_request_that_the_server_took_is_the_one_it_is_asked_again() -> None:
    world, checked = Servers("/v1/"), joined(auto("sglang", "m"))
    world.answers |= {"/v1/completions": told(404), "/v1/chat/completions": told(400)}
    world.answers["/v1/embeddings"] = told(200, {"data": []})
    await world.seen(checked, models("m"), until=400)
    paths = [path for _, path in world.canary_at]
    assert paths[:3] == ["/v1/completions", "/v1/chat/completions", "/v1/embeddings"]
    assert set(paths[3:]) == {"/v1/embeddings"}


async def test_a_server_that_takes_none_of_them_is_left_alone_with_a_finding() -> None:
    world, checked = Servers("/v1/"), joined(auto("sglang", "m"))
    world.answers["/v1/completions"] = told(400)
    assert await world.seen(checked, models("m"), until=600) == models("m")
    assert len(world.canary_at) == 4
    (finding,) = canary_findings(checked.memory.canaries.values())
    assert (finding.id, finding.severity) == ("CanaryNotBuilt", "info")
    assert world.marked == [checked.work.record.key]


@pytest.mark.parametrize("status", [401, 403])
async def test_a_server_behind_a_key_is_left_out_with_a_finding_that_says_what_to_set(
    status: int,
) -> None:
    world, checked = Servers(), joined(auto("vllm", "m"))
    world.answers["/v1/completions"] = told(status)
    assert await world.seen(checked, models("m"), until=600) == models("m")
    assert len(world.canary_at) == 1
    (finding,) = canary_findings(checked.memory.canaries.values())
    assert finding.id == "CanaryNeedsKey"
    assert "headersFrom" in finding.remedy


async def test_a_vllm_that_its_metrics_call_asleep_is_asleep_and_not_asked_until_it_wakes() -> None:
    world, checked = Servers(), joined(auto("vllm", "m"))
    page = 'vllm:engine_sleep_state{sleep_state="awake"} %d\n'
    world.answers["/metrics"] = Answer(Outcome.ANSWERED, 200, (page % 0).encode())
    found = await world.seen(checked, models("m"), until=300)
    assert found.sign is Sign.ASLEEP
    assert world.canary_at == []
    world.answers["/metrics"] = Answer(Outcome.ANSWERED, 200, (page % 1).encode())
    assert (await world.seen(checked, models("m"), until=340)).sign is Sign.SERVES


async def test_all_models_of_a_triton_take_turns_at_one_canary_a_minute() -> None:
    world, checked = triton("a", "b", "c"), joined(auto("triton"))
    await world.seen(checked, models("a", "b", "c"), until=1200)
    paths = [path for _, path in world.canary_at]
    assert len(paths) <= 20
    assert all(paths.count(f"/v2/models/{name}/infer") >= 4 for name in "abc")


async def test_one_dead_model_of_three_is_asked_again_and_starves_no_other() -> None:
    world, checked = triton("a", "b", "c"), joined(auto("triton"))
    dead = told(500, {"error": "Stub process 'b_0' is not healthy."})
    world.answers["/v2/models/b/infer"] = dead
    found = await world.seen(checked, models("a", "b", "c"), until=1200)
    assert (found.sign, found.reason) == (Sign.DEGRADED, "CanaryFailed")
    assert [item.sign for item in found.models] == [Sign.SERVES, Sign.FAILS, Sign.SERVES]
    paths = [path for _, path in world.canary_at]
    assert min(paths.count("/v2/models/a/infer"), paths.count("/v2/models/c/infer")) >= 4


async def test_a_dead_required_model_is_broken_whatever_else_serves() -> None:
    world, checked = triton("a", "b"), joined(auto("triton", "a", "b"))
    world.answers["/v2/models/b/infer"] = told(500, {"error": "Stub process is not healthy"})
    found = await world.seen(checked, models("a", "b"), until=400)
    assert found.sign is Sign.FAILS


async def test_a_model_that_is_gone_takes_what_its_canary_found_with_it() -> None:
    world, checked = triton("a", "b"), joined(auto("triton"))
    world.answers["/v2/models/b/infer"] = told(500, {"error": "Stub process is not healthy"})
    assert (await world.seen(checked, models("a", "b"), until=400)).sign is Sign.DEGRADED
    assert await world.seen(checked, models("a"), until=410) == models("a")


async def test_zeros_that_no_pod_ever_bore_are_held_against_none() -> None:
    world, checked = triton("a"), joined(auto("triton", "a"))
    world.answers["/v2/models/a/infer"] = told(500, {"error": "division by zero"})
    assert await world.seen(checked, models("a"), until=600) == models("a")
    (finding,) = canary_findings(checked.memory.canaries.values())
    assert finding.id == "CanaryUnproven"


async def test_zeros_that_another_pod_bears_are_proof_enough() -> None:
    world, same = triton("a"), auto("triton", "a")
    await world.seen(joined(same, "well"), models("a"), until=100)
    world.answers["/v2/models/a/infer"] = told(500, {"error": "CUDA error"})
    found = await world.seen(joined(same, "ill"), models("a"), until=300)
    assert found.sign is Sign.FAILS


def ollama(expires: Callable[[], str]) -> tuple[Servers, Checked]:
    world, checked = Servers("/api/generate"), joined(auto("ollama"))

    async def ask(peer: Peer, port: int, request: Request, **_: float) -> Answer:
        if request.path == "/api/ps":
            return told(200, {"models": [{"name": "m:latest", "expires_at": expires()}]})
        if request.path == "/api/generate":
            world.canary_at.append((world.now, request.path))
            return told(200, {"done": True})
        return told(404)

    world.canaries._ask = ask
    return world, checked


async def test_a_model_that_nobody_else_uses_is_not_kept_loaded_by_canaries() -> None:
    world, checked = ollama(lambda: f"2026-11-21 {len(world.canary_at)}")
    await world.seen(checked, models("m:latest"), until=1800)
    assert len(world.canary_at) == 6


async def test_a_model_that_others_use_goes_on_to_get_canaries() -> None:
    world, checked = ollama(lambda: f"2026-11-21 {world.now}")
    await world.seen(checked, models("m:latest"), until=1800)
    assert len(world.canary_at) >= 20


async def test_a_model_that_is_not_loaded_gets_none() -> None:
    world, checked = ollama(lambda: "2026")
    await world.seen(checked, models("m:latest", sign=Sign.ASLEEP), until=600)
    assert world.canary_at == []


async def test_an_engine_that_says_it_works_makes_a_silent_canary_busy_but_not_for_ever() -> None:
    world, checked = Servers(), joined(auto("sglang", "m"))
    world.answers |= {"/v1/completions": HUNG, "/health": told(200)}
    found = await world.seen(checked, models("m"), until=300)
    assert (found.sign, found.reason) == (Sign.BUSY, "Progressing")
    found = await world.seen(checked, models("m"), until=900)
    assert (found.sign, found.reason) == (Sign.FAILS, "CanaryTimedOut")


async def test_where_all_canaries_hang_four_go_side_by_side() -> None:
    world, same = Servers(), auto("sglang", "m")
    pods = [joined(same, f"pod-{number}") for number in range(12)]
    world.answers["/v1/completions"] = HUNG
    for at in range(ALL_HANG + 1):
        world.now = 100.0 * min(at, 1)
        for each in pods:
            world.canaries.weigh(each, models("m"))
        await world.settled()
    world.hold.clear()
    for _ in range(3):
        world.now += 10
        for each in pods:
            world.canaries.weigh(each, models("m"))
        await world.settled()
    assert len(world.canaries._in_flight) == SIDE_BY_SIDE
    world.hold.set()
    await world.canaries.close()


async def test_one_flag_turns_all_canaries_off() -> None:
    world, checked = Servers(), joined(auto("sglang", "m"))
    world.canaries = Canaries(world._ask, None, world._clock, allowed=False)
    checked.history = resume(
        checked.facts, Verdict.BROKEN, "CanaryFailed", "500", START + 10, now=START + 60
    )
    assert await world.seen(checked, models("m"), until=600) == models("m")
    assert world.canary_at == []


async def test_what_was_broken_by_a_canary_before_a_restart_of_ours_is_asked_first() -> None:
    world, checked = triton("a", "b", "c"), joined(auto("triton"))
    message = "the canary POST /v2/models/c/infer is answered 500"
    checked.history = resume(
        checked.facts, Verdict.BROKEN, "CanaryFailed", message, START + 10, now=START + 60
    )
    world.canaries.weigh(checked, models("a", "b", "c"))
    await world.settled()
    assert [path for _, path in world.canary_at] == ["/v2/models/c/infer"]


async def test_what_was_sent_and_what_it_cost_is_counted() -> None:
    world, checked = Servers(), joined(auto("sglang", "m"))
    slow = Answer(Outcome.ANSWERED, 200, b'{"choices": []}', seconds=0.5)
    world.answers["/v1/completions"] = slow
    await world.seen(checked, models("m"), until=300)
    sent = len(world.canary_at)
    tally = world.canaries.counted["sglang"]
    assert (tally.ends[Ended.GOOD], tally.seconds) == (sent, sent * 0.5)
    cost = checked.work.tally.cost(60.0)
    assert cost is not None
    assert cost.requests == ("POST /v1/completions: one token",)
    assert (cost.sent, cost.interval, cost.failed) == (sent, 60.0, 0)


async def test_a_llama_server_whose_slots_are_all_busy_keeps_what_was_found_before() -> None:
    world, checked = Servers(), joined(auto("llamacpp", "m"))
    world.answers |= {"/props": told(200, {}), "/slots": told(200, [{"is_processing": False}])}
    world.answers["/v1/completions"] = told(500)
    assert (await world.seen(checked, models("m"), until=100)).sign is Sign.FAILS
    world.answers["/slots"] = told(200, [{"is_processing": True}])
    sent = len(world.canary_at)
    assert (await world.seen(checked, models("m"), until=300)).sign is Sign.FAILS
    assert len(world.canary_at) == sent


async def test_a_new_start_of_the_container_forgets_all_canaries() -> None:
    world, checked = Servers(), joined(auto("sglang", "m"))
    world.answers["/v1/completions"] = told(500)
    assert (await world.seen(checked, models("m"), until=200)).sign is Sign.FAILS
    checked.see(pod("triton-0", started_at=START + 100))
    assert world.canaries.weigh(checked, models("m")) == models("m")
    await asyncio.sleep(0)
    await world.canaries.close()


async def test_a_server_that_does_not_serve_keeps_what_its_canaries_found() -> None:
    world, checked = Servers(), joined(auto("sglang", "m"))
    world.answers["/v1/completions"] = told(500)
    await world.seen(checked, models("m"), until=200)
    loading = Reading(Sign.LOADING)
    assert await world.seen(checked, loading, until=300) is loading
    assert world.canaries.weigh(checked, models("m")).sign is Sign.FAILS
