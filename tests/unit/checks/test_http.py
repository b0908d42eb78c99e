"""The HTTP transport against real sockets: servers that behave, and every way we know not to."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from inferencehealth.checks import sockets
from inferencehealth.checks.http import ask, prepare
from inferencehealth.checks.response import MAX_HEAD
from inferencehealth.checks.steps import Answer, Outcome, Peer, Request

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

PATIENCE = 5.0
"""Seconds that an exchange may take which ends by itself."""
IMPATIENCE = 0.2
"""Seconds for an exchange that only the timeout ends."""

GET = Request(path="/v2/health/ready")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"


WAYS = {
    "asyncio": (asyncio.new_event_loop, True),
    "uvloop": (uvloop.new_event_loop, True),
    "without epoll": (uvloop.new_event_loop, False),
}


@pytest.fixture(params=WAYS.values(), ids=WAYS)
def runner(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[asyncio.Runner]:
    loop_factory, epoll = request.param
    monkeypatch.setattr(sockets, "SUPPORTED", epoll)
    with asyncio.Runner(loop_factory=loop_factory) as made:
        yield made


@asynccontextmanager
async def serving(handler: Handler, host: str = "127.0.0.1") -> AsyncIterator[int]:
    server = await asyncio.start_server(handler, host, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def answers_with(*parts: bytes, reset: bool = False) -> Handler:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for part in parts:
            writer.write(part)
            await writer.drain()
        if reset:
            sock = socket.socket(fileno=socket.dup(writer.get_extra_info("socket").fileno()))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
            writer.transport.abort()
        writer.close()

    return handle


async def exchange(
    handler: Handler, request: Request = GET, within: float = PATIENCE, host: str = "127.0.0.1"
) -> Answer:
    async with serving(handler, host) as port:
        return await ask(Peer(host), port, request, timeout=within)


ANSWERS: list[tuple[str, bytes, Outcome, int, bytes]] = [
    ("a plain answer", OK, Outcome.ANSWERED, 200, b"hi"),
    ("an error status", OK.replace(b"200 OK", b"503 No"), Outcome.ANSWERED, 503, b"hi"),
    ("a redirect", b"HTTP/1.1 302 F\r\nLocation: http://x/\r\n\r\n", Outcome.ANSWERED, 302, b""),
    ("no reason phrase", b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", Outcome.ANSWERED, 200, b""),
    ("an answer until close", b"HTTP/1.1 200 OK\r\n\r\nall of it", Outcome.ANSWERED, 200,
     b"all of it"),
    ("HTTP/1.0", b"HTTP/1.0 200 OK\r\n\r\nold", Outcome.ANSWERED, 200, b"old"),
    ("no content", b"HTTP/1.1 204 No Content\r\n\r\n", Outcome.ANSWERED, 204, b""),
    ("chunks", (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nh\r\n"
      b"1;x=y\r\ni\r\n0\r\nTrailer: t\r\n\r\n"), Outcome.ANSWERED, 200, b"hi"),
    ("interim answers first", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n"
     + OK, Outcome.ANSWERED, 200, b"hi"),
    ("a second answer behind the first", (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
      b"HTTP/1.1 500 E\r\nContent-Length: 2\r\n\r\nno"), Outcome.ANSWERED, 200, b"hi"),
    ("garbage behind the answer", OK + b"\x00garbage", Outcome.ANSWERED, 200, b"hi"),
    ("nothing", b"", Outcome.RESET, 0, b""),
    ("an interim answer alone", b"HTTP/1.1 100 Continue\r\n\r\n", Outcome.RESET, 0, b""),
    ("half a status line", b"HTTP/1.1 20", Outcome.RESET, 0, b""),
    ("half the headers", b"HTTP/1.1 200 OK\r\nContent-Le", Outcome.RESET, 0, b""),
    ("half the body", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", Outcome.RESET, 0, b""),
    ("half the chunks", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhi",
     Outcome.RESET, 0, b""),
    ("garbage", b"\xff\xfe\x00garbage\r\n\r\n", Outcome.MALFORMED, 0, b""),
    ("HTTP/0.9", b"<html>hi</html>", Outcome.MALFORMED, 0, b""),
    ("TLS", b"\x15\x03\x01\x00\x02\x02\x16", Outcome.MALFORMED, 0, b""),
    ("a NUL in a header", b"HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n", Outcome.MALFORMED, 0, b""),
    ("a negative length", b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", Outcome.MALFORMED, 0,
     b""),
    ("two lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nhi",
     Outcome.MALFORMED, 0, b""),
    ("length and chunks", (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n"
      b"\r\n0\r\n\r\n"), Outcome.MALFORMED, 0, b""),
    ("a bad chunk size", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
     Outcome.MALFORMED, 0, b""),
    ("another protocol", b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
     Outcome.MALFORMED, 0, b""),
    ("an impossible status", b"HTTP/1.1 099 No\r\n\r\n", Outcome.MALFORMED, 0, b""),
    ("endless headers", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * MAX_HEAD, Outcome.TOO_LARGE, 0, b""),
    ("one endless header", b"HTTP/1.1 200 OK\r\nX: " + b"y" * 2 * MAX_HEAD, Outcome.TOO_LARGE, 0,
     b""),
    ("large headers that end", b"HTTP/1.1 200 OK\r\nX: " + b"y" * MAX_HEAD + b"\r\n\r\n",
     Outcome.TOO_LARGE, 0, b""),
    ("endless interim answers", b"HTTP/1.1 100 Continue\r\n\r\n" * MAX_HEAD, Outcome.TOO_LARGE, 0,
     b""),
    ("a body over the bound", b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (GET.max_body + 1),
     Outcome.TOO_LARGE, 0, b""),
    ("endless trailers", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
     + b"X: y\r\n" * 200_000, Outcome.TOO_LARGE, 0, b""),
    ("a body at the bound", b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * GET.max_body, Outcome.ANSWERED,
     200, b"x" * GET.max_body),
]  # fmt: skip


@pytest.mark.parametrize(
    ("sent", "outcome", "status", "body"),
    [row[1:] for row in ANSWERS],
    ids=[row[0] for row in ANSWERS],
)
def test_what_a_server_sends_is_read_for_what_it_is(
    runner: asyncio.Runner, sent: bytes, outcome: Outcome, status: int, body: bytes
) -> None:
    answer = runner.run(exchange(answers_with(sent)))
    assert (answer.outcome, answer.status, answer.body) == (outcome, status, body)


def test_an_answer_in_single_bytes_is_put_together(runner: asyncio.Runner) -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    answer = runner.run(exchange(answers_with(*(bytes([b]) for b in interim + OK))))
    assert (answer.outcome, answer.status, answer.body) == (Outcome.ANSWERED, 200, b"hi")


def test_the_request_says_what_a_kubelet_would_and_no_more(runner: asyncio.Runner) -> None:
    heard = bytearray()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.readuntil(b"\r\n\r\n"))
        heard.extend(await reader.readexactly(2))
        writer.write(OK)
        writer.close()

    request = Request(
        path="/infer?x=1", method="POST", body=b"{}", headers=(("Content-Type", "text/plain"),)
    )
    answer = runner.run(exchange(handle, request))
    lines = bytes(heard).split(b"\r\n")
    assert answer.outcome is Outcome.ANSWERED
    assert lines[0] == b"POST /infer?x=1 HTTP/1.1"
    assert lines[1].startswith(b"Host: 127.0.0.1:")
    assert lines[2].startswith(b"User-Agent: inferencehealth/")
    assert lines[3:] == [
        b"Accept-Encoding: identity",
        b"Connection: close",
        b"Content-Type: text/plain",
        b"Content-Length: 2",
        b"",
        b"{}",
    ]


@pytest.mark.parametrize(
    ("listening", "address", "host"),
    [
        ("::1", "::1", b"[::1]"),
        ("::1", "0:0:0:0:0:0:0:1", b"[0:0:0:0:0:0:0:1]"),
        ("127.0.0.1", "::ffff:127.0.0.1", b"[::ffff:127.0.0.1]"),
    ],
)
def test_ipv6_is_asked_like_ipv4(
    runner: asyncio.Runner, listening: str, address: str, host: bytes
) -> None:
    heard = bytearray()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.readuntil(b"\r\n\r\n"))
        writer.write(OK)
        writer.close()

    async def scenario() -> Answer:
        async with serving(handle, listening) as port:
            return await ask(Peer(address), port, GET, timeout=PATIENCE)

    assert runner.run(scenario()).status == 200
    assert b"Host: " + host + b":" in heard


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def _dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhi")
    await reader.read()
    writer.close()


@pytest.mark.parametrize(
    ("handler", "outcome"),
    [(_silent, Outcome.NO_ANSWER), (_dripping, Outcome.UNFINISHED)],
    ids=["never", "never in full"],
)
def test_a_server_that_accepts_and_does_not_answer_is_told_apart(
    runner: asyncio.Runner, handler: Handler, outcome: Outcome
) -> None:
    answer = runner.run(exchange(handler, within=IMPATIENCE))
    assert (answer.outcome, answer.status, answer.body) == (outcome, 0, b"")


def test_a_reset_before_the_answer_is_a_reset(runner: asyncio.Runner) -> None:
    answer = runner.run(exchange(answers_with(reset=True)))
    assert answer.outcome is Outcome.RESET


def test_a_port_that_nobody_listens_on_refuses(runner: asyncio.Runner) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        answer = runner.run(ask(Peer("127.0.0.1"), port, GET, timeout=PATIENCE))
    assert answer.outcome is Outcome.REFUSED


def test_a_full_accept_queue_is_a_connect_timeout(runner: asyncio.Runner) -> None:
    with socket.socket() as listener, socket.socket() as filler:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        filler.connect(listener.getsockname())
        port = listener.getsockname()[1]
        answer = runner.run(ask(Peer("127.0.0.1"), port, GET, timeout=IMPATIENCE))
    assert answer.outcome is Outcome.CONNECT_TIMEOUT


@pytest.mark.parametrize(
    "address",
    ["localhost", "", "127.0.0.1.nip.io", "1.2.3", "fe80::zz", "127.0.0.1\x00", "2130706433"],
)
def test_only_a_literal_address_is_ever_asked(runner: asyncio.Runner, address: str) -> None:
    assert runner.run(ask(Peer(address), 80, GET, timeout=PATIENCE)).outcome is Outcome.UNREACHABLE


def test_no_route_is_unreachable(runner: asyncio.Runner) -> None:
    # The broadcast address: the kernel itself forbids a TCP connection to it.
    answer = runner.run(ask(Peer("255.255.255.255"), 80, GET, timeout=PATIENCE))
    assert answer.outcome is Outcome.UNREACHABLE


def test_a_server_that_keeps_the_connection_open_has_answered_already(
    runner: asyncio.Runner,
) -> None:
    closed = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()
        closed.set()

    async def scenario() -> Answer:
        async with serving(handle) as port:
            answer = await ask(Peer("127.0.0.1"), port, GET, timeout=PATIENCE)
            assert not closed.is_set()
            await closed.wait()
            return answer

    assert runner.run(scenario()).body == b"hi"


def test_a_server_that_closes_is_never_reset(runner: asyncio.Runner) -> None:
    ends: list[bytes] = []
    closed = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        writer.write_eof()
        ends.append(await reader.read())
        writer.close()
        closed.set()

    async def scenario() -> None:
        async with serving(handle) as port:
            assert (await ask(Peer("127.0.0.1"), port, GET, timeout=PATIENCE)).status == 200
            await closed.wait()

    runner.run(scenario())
    assert ends == [b""]


def test_a_large_request_arrives_whole(runner: asyncio.Runner) -> None:
    """Larger than the kernel's buffers, so that it leaves in parts."""
    sent = bytes(range(256)) * 4 * 1024 * 8
    heard: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        heard.append(await reader.readexactly(len(sent)))
        writer.write(OK)
        writer.close()

    answer = runner.run(exchange(handle, Request("/", method="POST", body=sent)))
    assert (answer.status, heard == [sent]) == (200, True)


def test_an_answer_before_the_whole_request_counts(runner: asyncio.Runner) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await writer.drain()
        await reader.read()
        writer.close()

    request = Request("/", method="POST", body=b"x" * 8 * 1024 * 1024)
    assert runner.run(exchange(handle, request)).status == 200


def test_many_at_once_each_get_their_own_answer(
    runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than events are taken in one look."""
    monkeypatch.setattr(sockets, "BATCH", 16)
    count = 200

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1]
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + path)
        writer.close()

    async def scenario() -> list[Answer]:
        async with serving(handle) as port:
            asked = (
                ask(Peer("127.0.0.1"), port, Request(f"/{number}"), timeout=PATIENCE * 4)
                for number in range(count)
            )
            return list(await asyncio.gather(*asked))

    assert [a.body for a in runner.run(scenario())] == [b"/%d" % n for n in range(count)]


def test_cancelling_a_check_closes_its_connection(runner: asyncio.Runner) -> None:
    asked, left = asyncio.Event(), asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()
        left.set()

    async def scenario() -> None:
        async with serving(handle) as port:
            task = asyncio.create_task(ask(Peer("127.0.0.1"), port, GET, timeout=PATIENCE))
            await asked.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await left.wait()

    runner.run(scenario())


@pytest.mark.parametrize(
    "request_",
    [
        Request(path="/x\r\nX: y"),
        Request(path="/x y"),
        Request(path="/\x7f"),
        Request(path="/é"),
        Request(path="http://elsewhere/"),
        Request(path=""),
        Request(path="/", headers=(("X", "a\r\nY: b"),)),
        Request(path="/", headers=(("X\n", "a"),)),
        Request(path="/", headers=(("X Y", "a"),)),
        Request(path="/", headers=(("X", "\x00"),)),
        Request(path="/", headers=(("X", "é"),)),
        Request(path="/", headers=(("Transfer-Encoding", "chunked"),)),
        Request(path="/", headers=(("connection", "keep-alive"),)),
        Request(path="/", method="GET\n"),
        Request(path="/", method="HEAD"),
    ],
)
def test_a_request_cannot_smuggle(request_: Request) -> None:
    with pytest.raises(ValueError, match=r"check|path|unprintable|method"):
        prepare(request_)


FRAGMENTS = st.sampled_from(
    [b"HTTP/1.1 ", b"HTTP/1.0 ", b"200 OK", b"100 C", b"\r\n", b"\r\n\r\n", b"\n",
     b"Content-Length: ", b"Transfer-Encoding: chunked", b"Connection: close", b"0", b"5",
     b"ffffffffff", b":", b"\x00", OK]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(parts=st.lists(st.one_of(FRAGMENTS, st.binary(max_size=64)), max_size=12))
def test_whatever_the_bytes_there_is_an_outcome_within_bounds(parts: list[bytes]) -> None:
    request = Request(path="/", max_body=16)
    answer = asyncio.run(exchange(answers_with(*parts), request))
    assert answer.outcome in {
        Outcome.ANSWERED,
        Outcome.RESET,
        Outcome.MALFORMED,
        Outcome.TOO_LARGE,
    }
    assert len(answer.body) <= request.max_body
    assert (answer.status > 0) == (answer.outcome is Outcome.ANSWERED)
