"""Pods asked through a real API server's proxy: whose answer is whose."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from inferencehealth.api.server import Tls
from inferencehealth.checker.main import run
from inferencehealth.checker.podproxy import PodProxy
from inferencehealth.checker.ways import Choice, Chosen, Way
from inferencehealth.checks import http
from inferencehealth.checks.steps import Answer, Outcome, Peer, Request
from inferencehealth.checks.tls import trust
from inferencehealth.kube.client import Client
from inferencehealth.kube.config import Access
from inferencehealth.kube.transport import open_transport
from tests.unit.checks.certificates import server_context, signed_by

from .world import make_pod, make_report, said

pytestmark = pytest.mark.integration

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

PATIENCE = 20.0
IMPATIENCE = 0.5
GET = Request("/v2/health/ready?verbose=1")


@pytest.fixture
def address() -> str:
    """An address of this machine that the proxy takes for a pod's: it refuses loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            asked.connect(("203.0.113.1", 9))  # sends nothing: only the route is looked up
        except OSError:
            pytest.skip("this machine has no address besides loopback")
        return str(asked.getsockname()[0])


@pytest.fixture
async def proxy(access: Access) -> AsyncIterator[PodProxy]:
    async with open_transport(access) as wire:
        yield PodProxy(wire)


@pytest.fixture
async def peer(client: Client, namespace: str, address: str) -> Peer:
    """A pod at that address."""
    await make_pod(client, namespace, "server", address, app="a")
    return Peer(address, namespace=namespace, pod="server")


@asynccontextmanager
async def serving(
    address: str, handler: Handler, context: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    server = await asyncio.start_server(handler, address, 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def answering(sent: bytes, heard: bytearray | None = None) -> Handler:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        if heard is not None:
            heard.extend(request)
        writer.write(sent)
        writer.close()

    return handle


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(-1)
    writer.close()


async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    writer.close()


ANSWERS = {
    "an answer": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", Outcome.ANSWERED, 200),
    "an error": (b"HTTP/1.1 503 X\r\nContent-Length: 2\r\n\r\n{}", Outcome.ANSWERED, 503),
    "a denial": (b"HTTP/1.1 401 X\r\nContent-Length: 2\r\n\r\n{}", Outcome.ANSWERED, 401),
    "a redirect": (
        b"HTTP/1.1 302 F\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        Outcome.ANSWERED,
        302,
    ),
    "too much": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n" + b"x" * 70_000,
        Outcome.TOO_LARGE,
        0,
    ),
    "garbage": (b"\xff\x00garbage\r\n\r\n", Outcome.MALFORMED, 0),
    "nothing": (b"", Outcome.RESET, 0),
}


@pytest.mark.parametrize(("sent", "outcome", "status"), ANSWERS.values(), ids=ANSWERS)
async def test_what_the_pod_says_is_read_as_if_it_was_asked_straight(
    proxy: PodProxy, peer: Peer, sent: bytes, outcome: Outcome, status: int
) -> None:
    async with serving(peer.address, answering(sent)) as port:
        answer = await proxy.ask(peer, port, GET, timeout=PATIENCE)
        straight = await http.ask(peer, port, GET, timeout=PATIENCE)
    assert (answer.outcome, answer.status) == (outcome, status)
    assert (straight.outcome, straight.body) == (answer.outcome, answer.body)


async def test_path_query_and_body_arrive_and_our_credentials_do_not(
    proxy: PodProxy, peer: Peer
) -> None:
    heard = bytearray()
    handler = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", heard)
    async with serving(peer.address, handler) as port:
        await proxy.ask(peer, port, Request("/a%20b?x=1&y=%2F", method="POST"), timeout=PATIENCE)
    assert heard.startswith(b"POST /a%20b?x=1&y=%2F HTTP/1.1\r\n")
    assert b"authorization" not in heard.lower()


async def test_a_port_where_nobody_listens_refuses(proxy: PodProxy, peer: Peer) -> None:
    with socket.socket() as bound:
        bound.bind((peer.address, 0))
        answer = await proxy.ask(peer, bound.getsockname()[1], GET, timeout=PATIENCE)
    assert answer.outcome is Outcome.REFUSED


async def test_a_hung_server_does_not_answer(proxy: PodProxy, peer: Peer) -> None:
    async with serving(peer.address, silent) as port:
        answer = await proxy.ask(peer, port, GET, timeout=IMPATIENCE)
    assert answer.outcome is Outcome.NO_ANSWER


async def test_https_is_asked_without_verification_and_refused_with(
    proxy: PodProxy, peer: Peer, tmp_path: Path
) -> None:
    context = server_context(signed_by(None), tmp_path)
    ok = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
    secure = Peer(
        peer.address,
        trust(Tls(insecure_skip_verify=True)),
        namespace=peer.namespace,
        pod=peer.pod,
    )
    async with serving(peer.address, answering(ok), context) as port:
        assert (await proxy.ask(secure, port, GET, timeout=PATIENCE)).status == 200
    async with serving(peer.address, plain) as port:
        assert (await proxy.ask(secure, port, GET, timeout=PATIENCE)).outcome is Outcome.TLS


async def test_a_pod_that_is_gone_says_nothing_about_a_server(proxy: PodProxy, peer: Peer) -> None:
    gone = Peer(peer.address, namespace=peer.namespace, pod="gone")
    answer = await proxy.ask(gone, 80, GET, timeout=PATIENCE)
    assert (answer.outcome, answer.status) == (Outcome.UNREACHABLE, 0)


async def test_the_way_is_found_where_addresses_cannot_be_reached(
    proxy: PodProxy, peer: Peer
) -> None:
    async def blocked(_peer: Peer, _port: int, _request: Request, *, timeout: float) -> Answer:  # noqa: ASYNC109
        return Answer(Outcome.CONNECT_TIMEOUT, seconds=timeout)

    chosen = Chosen(blocked, proxy.ask)
    ok = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
    async with serving(peer.address, answering(ok)) as port:
        answers = [await chosen.ask(peer, port, GET, timeout=PATIENCE) for _ in range(4)]
    assert [answer.status for answer in answers] == [200] * 4
    assert chosen.way is Way.PROXY


async def test_a_checker_that_is_told_to_asks_through_the_proxy(
    client: Client, access: Access, namespace: str, peer: Peer
) -> None:
    heard, stop = bytearray(), asyncio.Event()
    ok = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
    async with serving(peer.address, answering(ok, heard)) as port:
        await make_report(client, namespace, "a", port)
        running = asyncio.create_task(
            run(
                access,
                namespace=namespace,
                system_namespace=namespace,
                identity="proxied",
                stop=stop,
                transport=Choice.PROXY,
            )
        )
        try:
            await said(client, namespace, "a", verdict="Ready")
        finally:
            stop.set()
            await asyncio.wait_for(running, PATIENCE)
    assert b"x-forwarded-for" in bytes(heard).lower()
