"""One round over the steps of a profile."""

from inferencehealth.checker.rounds import check_pod, compile_check
from inferencehealth.checks.steps import Answer, Outcome, Peer, Request, Sign

from .values import NOT_READY, OK, REFUSED, spec


class Server:
    """Answers by path and remembers what it was asked."""

    def __init__(self, **answers: Answer) -> None:
        self.answers = answers
        self.asked: list[tuple[str, int, str, float]] = []

    async def __call__(self, peer: Peer, port: int, request: Request, **options: float) -> Answer:
        self.asked.append((peer.address, port, request.path, options["timeout"]))
        return self.answers.get(request.path.strip("/"), OK)


ENDPOINTS = {"live": {"path": "/live"}, "ready": {"path": "/ready"}}


async def test_the_steps_are_asked_on_the_pods_own_port_in_order() -> None:
    server = Server()
    reading = await check_pod(compile_check(spec(endpoints=ENDPOINTS)), Peer("10.0.0.9"), server)
    assert reading.sign is Sign.SERVES
    assert server.asked == [("10.0.0.9", 8000, "/live", 1.0), ("10.0.0.9", 8000, "/ready", 1.0)]


async def test_nobody_asks_on_where_nobody_answers() -> None:
    server = Server(live=REFUSED)
    reading = await check_pod(compile_check(spec(endpoints=ENDPOINTS)), Peer("10.0.0.9"), server)
    assert (reading.sign, reading.reason) == (Sign.SILENT, "ConnectionRefused")
    assert len(server.asked) == 1


async def test_the_worst_reading_is_the_rounds() -> None:
    server = Server(ready=NOT_READY)
    reading = await check_pod(compile_check(spec(endpoints=ENDPOINTS)), Peer("10.0.0.9"), server)
    assert reading.sign is Sign.FAILS


async def test_a_profile_this_checker_does_not_know_is_no_ones_fault() -> None:
    server = Server(ready=Answer(Outcome.ANSWERED, 200))
    reading = await check_pod(compile_check(spec(profile="newer")), Peer("10.0.0.9"), server)
    assert (reading.sign, reading.reason) == (Sign.UNKNOWN, "CannotAsk")
    assert "newer" in reading.message
    assert server.asked == []
