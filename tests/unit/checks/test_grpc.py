"""The gRPC transport against a real gRPC server, and everything that is none."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta

import grpc
import pytest
import uvloop
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health

from inferencehealth.api.server import Tls
from inferencehealth.checks.grpc import ask, check_request, kept_channels
from inferencehealth.checks.steps import Answer, Outcome, Peer, Request, Trust
from inferencehealth.checks.tls import trust
from tests.unit.checks.certificates import NAME, Pair, authority, signed_by, verifying

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Behaviour = Callable[[bytes, aio.ServicerContext], Awaitable[bytes]]

Served = tuple[int, health.HealthServicer]
"""Port and servicer of a health server."""

PATIENCE = 10.0
"""Seconds that an exchange may take which ends by itself."""
IMPATIENCE = 0.3
"""Seconds for an exchange that only the timeout ends."""

CHECK = "/grpc.health.v1.Health/Check"


def check(service: str = "", **fields: int) -> Request:
    message = health_pb2.HealthCheckRequest(service=service).SerializeToString()
    return Request(CHECK, method="POST", body=message, grpc=True, **fields)


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def runner(request: pytest.FixtureRequest) -> Iterator[asyncio.Runner]:
    with asyncio.Runner(loop_factory=request.param) as made:
        yield made


@asynccontextmanager
async def health_server(
    host: str = "127.0.0.1",
) -> AsyncIterator[Served]:
    server, servicer = aio.server(), health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port(f"{host}:0")
    await server.start()
    try:
        yield port, servicer
    finally:
        await server.stop(None)


@asynccontextmanager
async def behaving(behaviour: Behaviour) -> AsyncIterator[int]:
    """A gRPC server whose Check does what the test says."""
    server = aio.server()
    method = grpc.unary_unary_rpc_method_handler(behaviour)
    handler = grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": method})
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)


@asynccontextmanager
async def raw(handler: Handler) -> AsyncIterator[int]:
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def status_of(answer: Answer) -> int:
    assert (answer.outcome, answer.status) == (Outcome.ANSWERED, 0)
    return int(health_pb2.HealthCheckResponse.FromString(answer.body).status)


def test_a_health_server_answers_with_its_own_bytes(runner: asyncio.Runner) -> None:
    async def exchange() -> list[int]:
        async with health_server() as (port, servicer):
            await servicer.set("model", health_pb2.HealthCheckResponse.NOT_SERVING)
            answers = [
                await ask(Peer("127.0.0.1"), port, check(service), timeout=PATIENCE)
                for service in ("", "model")
            ]
            return [status_of(answer) for answer in answers]

    assert runner.run(exchange()) == [1, 2]


async def test_an_ipv6_address_is_asked_as_well() -> None:
    async with health_server("[::1]") as (port, _):
        assert status_of(await ask(Peer("::1"), port, check(), timeout=PATIENCE)) == 1


async def test_an_unknown_service_is_the_servers_answer() -> None:
    async with health_server() as (port, _):
        answer = await ask(Peer("127.0.0.1"), port, check("nobody"), timeout=PATIENCE)
    assert (answer.outcome, answer.status) == (Outcome.ANSWERED, grpc.StatusCode.NOT_FOUND.value[0])


async def test_a_server_without_the_method_answers_unimplemented() -> None:
    server = aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    answer = await ask(Peer("127.0.0.1"), port, check(), timeout=PATIENCE)
    await server.stop(None)
    assert (answer.outcome, answer.status) == (Outcome.ANSWERED, 12)


async def test_a_port_where_nobody_listens_refuses() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        answer = await ask(Peer("127.0.0.1"), port, check(), timeout=PATIENCE)
    assert answer.outcome is Outcome.REFUSED


async def test_a_name_is_never_resolved() -> None:
    assert (
        await ask(Peer("localhost"), 1, check(), timeout=PATIENCE)
    ).outcome is Outcome.UNREACHABLE


async def test_a_hung_server_gives_no_answer() -> None:
    """As a stopped process: the kernel accepts its connections, and nobody reads."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        answer = await ask(Peer("127.0.0.1"), port, check(), timeout=IMPATIENCE)
    assert (answer.outcome, answer.body) == (Outcome.NO_ANSWER, b"")


async def test_a_call_that_never_ends_gives_no_answer() -> None:
    async def behaviour(_message: bytes, _context: aio.ServicerContext) -> bytes:
        await asyncio.Event().wait()
        return b""

    async with behaving(behaviour) as port:
        answer = await ask(Peer("127.0.0.1"), port, check(), timeout=IMPATIENCE)
    assert answer.outcome is Outcome.NO_ANSWER


async def test_more_bytes_than_asked_for_are_too_many() -> None:
    async def behaviour(_message: bytes, _context: aio.ServicerContext) -> bytes:
        return b"x" * 2000

    async with behaving(behaviour) as port:
        request = check(max_body=1000)
        answer = await ask(Peer("127.0.0.1"), port, request, timeout=PATIENCE)
    assert (answer.outcome, answer.status) == (Outcome.TOO_LARGE, 0)


async def test_a_server_that_says_it_has_too_much_to_do_has_answered() -> None:
    async def behaviour(_message: bytes, context: aio.ServicerContext) -> bytes:
        await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many streams")
        return b""

    async with behaving(behaviour) as port:
        answer = await ask(Peer("127.0.0.1"), port, check(), timeout=PATIENCE)
    assert (answer.outcome, answer.status) == (Outcome.ANSWERED, 8)


async def test_a_server_that_speaks_http1_is_no_grpc() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.read(24):
            writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with raw(handler) as port:
        answer = await ask(Peer("127.0.0.1"), port, check(), timeout=PATIENCE)
    assert answer.outcome is Outcome.MALFORMED


async def test_a_server_that_hangs_up_has_reset_the_connection() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(24)
        writer.close()

    async with raw(handler) as port:
        answer = await ask(Peer("127.0.0.1"), port, check(), timeout=PATIENCE)
    assert answer.outcome is Outcome.RESET


async def test_a_server_is_asked_anew_each_time() -> None:
    """grpcio waits after a connection that failed; a check must not find that wait in its way."""

    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with raw(hang_up) as port:
        broken = [await ask(Peer("127.0.0.1"), port, check(), timeout=PATIENCE) for _ in range(3)]
    assert {answer.outcome for answer in broken} == {Outcome.RESET}
    server, servicer = aio.server(), health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    answer = await ask(Peer("127.0.0.1"), port, check(), timeout=PATIENCE)
    await server.stop(None)
    assert status_of(answer) == 1


KEPT = Peer("127.0.0.1", keep_alive=True)


async def test_a_kept_channel_serves_many_checks() -> None:
    peers: set[str] = set()

    async def behaviour(_message: bytes, context: aio.ServicerContext) -> bytes:
        peers.add(context.peer())
        return b"\x08\x01"

    async with behaving(behaviour) as port:
        answers = [await ask(KEPT, port, check(), timeout=PATIENCE) for _ in range(5)]
        assert [status_of(answer) for answer in answers] == [1] * 5
        assert (len(peers), len(kept_channels())) == (1, 1)
        kept_channels().close()


async def test_a_kept_channel_that_is_dead_is_never_a_reset() -> None:
    server, servicer = aio.server(), health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    assert status_of(await ask(KEPT, port, check(), timeout=PATIENCE)) == 1
    await server.stop(None)
    assert (await ask(KEPT, port, check(), timeout=PATIENCE)).outcome is Outcome.REFUSED
    again = aio.server()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, again)
    again.add_insecure_port(f"127.0.0.1:{port}")
    await again.start()
    assert status_of(await ask(KEPT, port, check(), timeout=PATIENCE)) == 1
    await again.stop(None)
    kept_channels().close()


async def test_a_call_that_never_ends_closes_its_kept_channel() -> None:
    async def behaviour(message: bytes, _context: aio.ServicerContext) -> bytes:
        if message:
            await asyncio.Event().wait()
        return b"\x08\x01"

    async with behaving(behaviour) as port:
        assert status_of(await ask(KEPT, port, check(), timeout=PATIENCE)) == 1
        hung = await ask(KEPT, port, check("x"), timeout=IMPATIENCE)
        assert (hung.outcome, len(kept_channels())) == (Outcome.NO_ANSWER, 0)


@asynccontextmanager
async def secured(pair: Pair) -> AsyncIterator[int]:
    server, servicer = aio.server(), health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    credentials = grpc.ssl_server_credentials([(pair.key, pair.certificate)])
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)


async def ask_secured(served: Pair, trusted: Trust) -> Answer:
    async with secured(served) as port:
        return await ask(Peer("127.0.0.1", trusted), port, check(), timeout=PATIENCE)


def test_a_server_with_the_right_certificate_is_asked(runner: asyncio.Runner) -> None:
    ca = authority()
    trusted = trust(verifying(), ca.text)
    assert status_of(runner.run(ask_secured(signed_by(ca), trusted))) == 1


@pytest.mark.parametrize(
    ("name", "ends", "why"),
    [
        ("other.svc", 1, "its certificate is not made out to spec.server.tls.serverName"),
        (NAME, -1, "the server's certificate has expired"),
    ],
)
def test_a_certificate_that_is_not_trusted_says_why(
    runner: asyncio.Runner, name: str, ends: int, why: str
) -> None:
    ca = authority()
    served = signed_by(ca, name, ends=timedelta(days=ends))
    answer = runner.run(ask_secured(served, trust(verifying(), ca.text)))
    assert (answer.outcome, answer.why) == (Outcome.TLS, why)


async def test_plaintext_grpc_on_a_port_that_should_speak_tls_is_told() -> None:
    async with health_server() as (port, _):
        peer = Peer("127.0.0.1", trust(verifying(), authority().text))
        answer = await ask(peer, port, check(), timeout=PATIENCE)
    # Its first bytes are no TLS; on a busy machine it may have hung up before they are read.
    assert answer.outcome in {Outcome.TLS, Outcome.RESET}


async def test_a_server_that_hangs_in_the_handshake_gives_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        peer = Peer("127.0.0.1", trust(verifying(), authority().text))
        answer = await ask(peer, listening.getsockname()[1], check(), timeout=IMPATIENCE)
    assert answer.outcome is Outcome.NO_ANSWER


async def test_without_verification_nobody_is_asked_and_the_remedy_is_named() -> None:
    peer = Peer("127.0.0.1", trust(Tls(insecure_skip_verify=True)))
    answer = await ask(peer, 1, check(), timeout=PATIENCE)
    assert answer.outcome is Outcome.TLS
    assert "caFrom" in answer.why


@pytest.mark.parametrize("path", ["/", "/a", "a/b", "/a/b/c", "/a /b", "/a/b\r\n", "/ä/b"])
def test_a_path_that_is_no_method_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="no gRPC method"):
        check_request(Request(path, grpc=True))


def test_headers_are_refused() -> None:
    with pytest.raises(ValueError, match="headers"):
        check_request(Request(CHECK, headers=(("a", "b"),), grpc=True))


def test_a_checker_without_grpc_targets_does_not_load_grpcio() -> None:
    program = "import sys, inferencehealth.checker.main; sys.exit('grpc' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
