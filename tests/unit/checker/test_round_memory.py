"""Rounds with a memory: what is carried on, what is asked again, and when counters are read."""

import json

import pytest

from inferencehealth.checker.memory import RoundMemory
from inferencehealth.checker.rounds import LISTING_AGE, Compiled, check_pod, compile_check
from inferencehealth.checks.progress import NO_PROGRESS, PATIENCE, PROGRESSING
from inferencehealth.checks.steps import Answer, Outcome, Peer, Reading, Request, Sign

from .values import OK, spec

PEER = Peer("10.0.0.9")
INDEX = json.dumps([{"name": "a", "version": "1", "state": "READY"}]).encode()
HUNG = Answer(Outcome.NO_ANSWER)


class Server:
    """Answers by path and remembers what it was asked."""

    def __init__(self, **answers: Answer) -> None:
        self.answers = {"/" + path.replace("__", "/"): answer for path, answer in answers.items()}
        self.asked: list[str] = []

    async def __call__(self, peer: Peer, port: int, request: Request, **_: float) -> Answer:
        self.asked.append(request.path)
        return self.answers.get(request.path, OK)


def triton(required: tuple[str, ...] = ()) -> Compiled:
    models = {"required": [{"name": name} for name in required]}
    return compile_check(spec(profile="triton", models=models, endpoints=None))


def triton_server() -> Server:
    return Server(v2__repository__index=Answer(Outcome.ANSWERED, 200, INDEX))


def vllm() -> Compiled:
    models = {"required": [{"name": "m"}]}
    return compile_check(spec(profile="vllm", models=models, endpoints=None))


def metrics(tokens: int, waiting: int) -> Answer:
    body = f"vllm:generation_tokens_total {tokens}\nvllm:num_requests_waiting {waiting}\n"
    return Answer(Outcome.ANSWERED, 200, body.encode())


async def test_a_list_of_models_is_carried_on_while_nothing_changes() -> None:
    compiled, server, memory = triton(), triton_server(), RoundMemory()
    first = await check_pod(compiled, PEER, server, memory, 0.0)
    for round_at in range(10, int(LISTING_AGE), 10):
        assert await check_pod(compiled, PEER, server, memory, round_at) == first
    assert server.asked.count("/v2/repository/index") == 1
    await check_pod(compiled, PEER, server, memory, LISTING_AGE)
    assert server.asked.count("/v2/repository/index") == 2


async def test_a_required_model_is_asked_in_every_round() -> None:
    compiled, server, memory = triton(required=("a",)), triton_server(), RoundMemory()
    for round_at in range(3):
        await check_pod(compiled, PEER, server, memory, round_at)
    assert server.asked.count("/v2/models/a/ready") == 3
    assert server.asked.count("/v2/repository/index") == 1


async def test_a_list_that_alone_tells_of_a_required_model_is_asked_in_every_round() -> None:
    server, memory = Server(), RoundMemory()
    for round_at in range(3):
        await check_pod(vllm(), PEER, server, memory, round_at)
    assert server.asked.count("/v1/models") == 3


async def test_the_list_is_asked_anew_in_the_round_in_which_something_changes() -> None:
    compiled, server, memory = triton(), triton_server(), RoundMemory()
    await check_pod(compiled, PEER, server, memory, 0.0)
    broken = [{"name": "a", "version": "1", "state": "UNAVAILABLE", "reason": "no memory"}]
    server.answers["/v2/repository/index"] = Answer(
        Outcome.ANSWERED, 200, json.dumps(broken).encode()
    )
    server.answers["/v2/health/ready"] = Answer(Outcome.ANSWERED, 400)
    reading = await check_pod(compiled, PEER, server, memory, 1.0)
    assert reading.sign is Sign.FAILS
    assert "no memory" in reading.message
    await check_pod(compiled, PEER, server, memory, 2.0)
    assert server.asked.count("/v2/repository/index") == 3


async def test_a_round_that_ends_early_leaves_no_list_behind() -> None:
    compiled, memory = triton(), RoundMemory()
    await check_pod(compiled, PEER, Server(v2__health__live=HUNG), memory, 0.0)
    assert memory.listed is None


async def test_pods_that_say_the_same_share_what_is_remembered() -> None:
    compiled, server = triton(), triton_server()
    memories = [RoundMemory(), RoundMemory()]
    for memory in memories:
        await check_pod(compiled, PEER, server, memory, 0.0)
    first, second = (memory.listed for memory in memories)
    assert first is not None
    assert second is not None
    assert first["index"] is second["index"]


async def test_a_server_that_answers_is_never_asked_for_its_counters() -> None:
    server, memory = Server(), RoundMemory()
    await check_pod(vllm(), PEER, server, memory, 0.0)
    assert "/metrics" not in server.asked


async def look(server: Server, memory: RoundMemory, now: float, page: Answer) -> Reading:
    server.answers["/metrics"] = page
    return await check_pod(vllm(), PEER, server, memory, now)


async def test_a_slow_server_whose_counters_move_is_busy() -> None:
    server, memory = Server(health=HUNG), RoundMemory()
    first = await look(server, memory, 0, metrics(100, 7))
    assert first.sign is Sign.BUSY
    for number in range(1, 20):
        reading = await look(server, memory, number, metrics(100 + number, 7))
        assert (reading.sign, reading.reason) == (Sign.BUSY, PROGRESSING)


async def test_a_slow_server_whose_counters_stand_still_fails() -> None:
    server, memory = Server(health=HUNG), RoundMemory()
    await look(server, memory, 0, metrics(100, 7))
    reading = await look(server, memory, PATIENCE, metrics(100, 7))
    assert (reading.sign, reading.reason) == (Sign.FAILS, NO_PROGRESS)
    assert [model.name for model in reading.models] == ["m"]


@pytest.mark.parametrize("page", [HUNG, Answer(Outcome.ANSWERED, 404), metrics(100, 0)])
async def test_where_the_counters_tell_nothing_it_stays_silent(page: Answer) -> None:
    server, memory = Server(health=HUNG), RoundMemory()
    for round_at in range(3):
        reading = await look(server, memory, round_at, page)
        assert (reading.sign, reading.reason) == (Sign.SILENT, "NoAnswer")


async def test_an_answer_ends_the_doubt() -> None:
    server, memory = Server(health=HUNG), RoundMemory()
    await look(server, memory, 0, metrics(100, 7))
    listed = Answer(Outcome.ANSWERED, 200, b'{"data": [{"id": "m"}]}')
    server.answers |= {"/health": OK, "/v1/models": listed}
    reading = await look(server, memory, 1, metrics(100, 7))
    assert reading.sign is Sign.SERVES
    assert (memory.slow, memory.sample) == (False, None)
