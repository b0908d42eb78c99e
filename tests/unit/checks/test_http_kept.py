"""Connections that are kept between checks, against real sockets."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvloop

from inferencehealth.api.server import Tls
from inferencehealth.checks.connection import Connection
from inferencehealth.checks.http import Server, ask, kept_connections
from inferencehealth.checks.kept import MAX_IDLE, Kept
from inferencehealth.checks.steps import Answer, Outcome, Peer, Request
from inferencehealth.checks.tls import trust
from tests.unit.checks.certificates import server_context, signed_by

PATIENCE = 10.0
IMPATIENCE = 0.3
GET = Request(path="/v2/health/ready")
KEPT = Peer("127.0.0.1", keep_alive=True)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def runner(request: pytest.FixtureRequest) -> Iterator[asyncio.Runner]:
    with asyncio.Runner(loop_factory=request.param) as made:
        yield made


@dataclass
class Serving:
    """A server that answers each request of a connection with the next of its answers, and when
    they are used up, with the last; an empty answer hangs up."""

    answers: list[bytes]
    port: int = 0
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    asked_again: asyncio.Event = field(default_factory=asyncio.Event)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        try:
            while True:
                self.requests.append(await reader.readuntil(b"\r\n\r\n"))
                if len(self.requests) > 1:
                    self.asked_again.set()
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if not answer:
                    break
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionResetError):
            self.lost.set()
        writer.close()


@asynccontextmanager
async def serving(*answers: bytes) -> AsyncIterator[Serving]:
    served = Serving(list(answers))
    server = await asyncio.start_server(served.handle, "127.0.0.1", 0)
    served.port = server.sockets[0].getsockname()[1]
    try:
        yield served
    finally:
        kept_connections().close()
        server.close()


async def checks(served: Serving, count: int, request: Request = GET) -> list[Answer]:
    return [await ask(KEPT, served.port, request, timeout=PATIENCE) for _ in range(count)]


def test_one_connection_serves_many_checks(runner: asyncio.Runner) -> None:
    async def scenario() -> None:
        async with serving(OK) as served:
            answers = await checks(served, 5)
            assert {(a.outcome, a.body) for a in answers} == {(Outcome.ANSWERED, b"hi")}
            assert (served.connections, len(served.requests)) == (1, 5)
            assert b"Connection: keep-alive" in served.requests[0]

    runner.run(scenario())


CLOSING = {
    "the server says close": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    "more than the answer": OK + OK,
    "half an answer more": OK + b"HTTP/1.1 2",
    "garbage behind the answer": OK + b"\x00",
    "no HTTP": b"garbage\r\n\r\n",
    "too large": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 70_000,
}


@pytest.mark.parametrize("answer", CLOSING.values(), ids=CLOSING)
def test_only_a_clean_answer_keeps_its_connection(runner: asyncio.Runner, answer: bytes) -> None:
    async def scenario() -> None:
        async with serving(answer) as served:
            request = Request("/", max_body=60_000)
            await ask(KEPT, served.port, request, timeout=PATIENCE)
            assert len(kept_connections()) == 0

    runner.run(scenario())


FRAMED = {
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "an error": b"HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno",
    "an interim answer first": b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
}


@pytest.mark.parametrize("answer", FRAMED.values(), ids=FRAMED)
def test_every_framed_answer_keeps_its_connection(runner: asyncio.Runner, answer: bytes) -> None:
    async def scenario() -> None:
        async with serving(answer) as served:
            answers = await checks(served, 3)
            assert [a.outcome for a in answers] == [Outcome.ANSWERED] * 3
            assert served.connections == 1

    runner.run(scenario())


def test_a_kept_connection_that_is_dead_is_never_a_reset(runner: asyncio.Runner) -> None:
    async def scenario() -> None:
        # The second request over one connection finds that the server hangs up.
        async with serving(OK, b"", OK) as served:
            answers = await checks(served, 2)
            assert [a.outcome for a in answers] == [Outcome.ANSWERED] * 2
            assert served.connections == 2

    runner.run(scenario())


def test_a_server_that_hangs_up_on_a_new_connection_has_reset_it(runner: asyncio.Runner) -> None:
    async def scenario() -> None:
        async with serving(OK, b"") as served:
            answers = await checks(served, 2)
            assert [a.outcome for a in answers] == [Outcome.ANSWERED, Outcome.RESET]
            assert len(served.requests) == 3

    runner.run(scenario())


def test_half_an_answer_over_a_kept_connection_is_a_reset(runner: asyncio.Runner) -> None:
    async def scenario() -> None:
        async with serving(OK, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", b"") as served:
            first = await ask(KEPT, served.port, GET, timeout=PATIENCE)
            asking = asyncio.ensure_future(ask(KEPT, served.port, GET, timeout=PATIENCE))
            await served.asked_again.wait()
            served.writers[0].close()
            assert (first.outcome, (await asking).outcome) == (Outcome.ANSWERED, Outcome.RESET)

    runner.run(scenario())


def test_a_server_that_closes_an_idle_connection_is_asked_anew(runner: asyncio.Runner) -> None:
    async def scenario() -> None:
        async with serving(OK) as served:
            await checks(served, 1)
            served.writers[0].write_eof()
            await served.lost.wait()
            assert len(kept_connections()) == 0
            assert (await checks(served, 1))[0].outcome is Outcome.ANSWERED
            assert served.connections == 2

    runner.run(scenario())


def test_a_request_that_is_not_safe_to_repeat_gets_a_new_connection(
    runner: asyncio.Runner,
) -> None:
    async def scenario() -> None:
        async with serving(OK) as served:
            await checks(served, 1)
            post = Request("/infer", method="POST")
            assert (await checks(served, 1, post))[0].outcome is Outcome.ANSWERED
            assert served.connections == 2
            assert b"Connection: close" in served.requests[1]

    runner.run(scenario())


def test_a_hung_server_is_seen_over_a_kept_connection(runner: asyncio.Runner) -> None:
    async def scenario() -> None:
        async with serving(OK, b"HTTP/1.1 100 Continue\r\n\r\n") as served:
            await checks(served, 1)
            answer = await ask(KEPT, served.port, GET, timeout=IMPATIENCE)
            assert answer.outcome is Outcome.UNFINISHED
            assert len(kept_connections()) == 0
            await served.lost.wait()

    runner.run(scenario())


def test_tls_connections_are_kept_by_whom_they_trust(
    runner: asyncio.Runner, tmp_path: Path
) -> None:
    one, other = (trust(Tls(insecure_skip_verify=True)) for _ in range(2))

    async def scenario() -> None:
        served = Serving([OK])
        context = server_context(signed_by(None), tmp_path)
        server = await asyncio.start_server(served.handle, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        for trusted in (one, one, other):
            peer = Peer("127.0.0.1", trusted, keep_alive=True)
            assert (await ask(peer, port, GET, timeout=PATIENCE)).status == 200
        assert (served.connections, len(kept_connections())) == (2, 2)
        kept_connections().close()
        server.close()

    runner.run(scenario())


def test_the_oldest_goes_where_there_are_too_many(runner: asyncio.Runner) -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        kept = kept_connections()
        async with serving(OK) as served:
            await checks(served, 1)
            connection = kept.take(("127.0.0.1", served.port, None))
            assert connection is not None
            small: Kept[Server, Connection] = Kept(loop, limit=2)
            for port in (1, 2, 3):
                small.keep(("127.0.0.1", port, None), connection)
            assert len(small) == 2
            assert small.take(("127.0.0.1", 1, None)) is None
            small.close()

    runner.run(scenario())


class Clock(asyncio.SelectorEventLoop):
    """A loop whose time can be put forward."""

    ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead


def test_an_idle_connection_is_closed_after_its_time() -> None:
    async def scenario(loop: Clock) -> None:
        async with serving(OK) as served:
            await checks(served, 1)
            loop.ahead = MAX_IDLE / 2
            await checks(served, 1)
            loop.ahead += MAX_IDLE * 0.75
            await asyncio.sleep(0)
            assert len(kept_connections()) == 1
            loop.ahead += MAX_IDLE
            await served.lost.wait()
            assert len(kept_connections()) == 0

    loop = Clock()
    try:
        loop.run_until_complete(asyncio.wait_for(scenario(loop), 10 * MAX_IDLE))
    finally:
        loop.close()
