"""HTTPS against real TLS servers on loopback, and what is said where it does not come about."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
import uvloop

from inferencehealth.api.server import Tls
from inferencehealth.checks.http import ask
from inferencehealth.checks.steps import Answer, Outcome, Peer, Request, Trust
from inferencehealth.checks.tls import NO_TLS, trust
from tests.unit.checks.certificates import (
    NAME,
    Pair,
    authority,
    server_context,
    signed_by,
    verifying,
)

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

PATIENCE = 10.0
IMPATIENCE = 0.3
GET = Request(path="/v2/health/ready")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"

ANYONE = trust(Tls(insecure_skip_verify=True))


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def runner(request: pytest.FixtureRequest) -> Iterator[asyncio.Runner]:
    with asyncio.Runner(loop_factory=request.param) as made:
        yield made


async def answering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(OK)
    await writer.drain()
    writer.close()


async def exchange(
    trusted: Trust | None,
    context: ssl.SSLContext | None,
    handler: Handler = answering,
    within: float = PATIENCE,
) -> Answer:
    server = await asyncio.start_server(handler, "127.0.0.1", 0, ssl=context)
    try:
        port = server.sockets[0].getsockname()[1]
        return await ask(Peer("127.0.0.1", trusted), port, GET, timeout=within)
    finally:
        server.close()


def test_a_server_with_the_right_certificate_is_asked(
    runner: asyncio.Runner, tmp_path: Path
) -> None:
    ca = authority()
    context = server_context(signed_by(ca), tmp_path)
    answer = runner.run(exchange(trust(verifying(), ca.text), context))
    assert (answer.outcome, answer.status, answer.body) == (Outcome.ANSWERED, 200, b"hi")


@pytest.mark.parametrize("name", ["", "other.svc"])
def test_without_verification_anyone_is_asked(
    runner: asyncio.Runner, tmp_path: Path, name: str
) -> None:
    expired = signed_by(None, ends=timedelta(days=-1))
    trusted = trust(Tls(insecure_skip_verify=True, server_name=name))
    answer = runner.run(exchange(trusted, server_context(expired, tmp_path)))
    assert (answer.outcome, answer.body) == (Outcome.ANSWERED, b"hi")


def _wrong_authority(_ca: Pair) -> Pair:
    return signed_by(authority())


def _itself(_ca: Pair) -> Pair:
    return signed_by(None)


def _wrong_name(ca: Pair) -> Pair:
    return signed_by(ca, "other.svc")


def _expired(ca: Pair) -> Pair:
    return signed_by(ca, ends=timedelta(days=-1))


def _not_yet(ca: Pair) -> Pair:
    return signed_by(ca, ends=timedelta(days=60))


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (_wrong_authority, "no authority of spec.server.tls.caFrom signed its certificate"),
        (_itself, "no authority of spec.server.tls.caFrom signed its certificate"),
        (_wrong_name, "its certificate is not made out to spec.server.tls.serverName"),
        (_expired, "the server's certificate has expired"),
        (_not_yet, "the server's certificate is not valid yet"),
    ],
)
def test_a_certificate_that_is_not_trusted_says_why(
    runner: asyncio.Runner, tmp_path: Path, made: Callable[[Pair], Pair], why: str
) -> None:
    ca = authority()
    answer = runner.run(exchange(trust(verifying(), ca.text), server_context(made(ca), tmp_path)))
    assert (answer.outcome, answer.status, answer.why) == (Outcome.TLS, 0, why)


async def _plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nspeak HTTP")
    writer.close()


def test_plain_http_on_a_tls_port_is_told_for_what_it_is(runner: asyncio.Runner) -> None:
    answer = runner.run(exchange(ANYONE, None, _plain))
    assert (answer.outcome, answer.why) == (Outcome.TLS, NO_TLS)


def test_tls_on_a_plain_port_is_no_answer_of_http(runner: asyncio.Runner, tmp_path: Path) -> None:
    answer = runner.run(exchange(None, server_context(signed_by(None), tmp_path)))
    assert answer.outcome in {Outcome.MALFORMED, Outcome.RESET}


def _refusing(listener: socket.socket, context: ssl.SSLContext) -> None:
    """Blocking, as asyncio's servers hang up without the alert that tells why."""
    accepted, _ = listener.accept()
    # Closing before the request is read would reset the connection and may eat the alert.
    with accepted.dup() as rest:
        with suppress(OSError), context.wrap_socket(accepted, server_side=True) as secured:
            secured.recv(1024)
        with suppress(OSError):
            while rest.recv(1024):
                pass


async def _ask_blocking(context: ssl.SSLContext) -> Answer:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        served = asyncio.ensure_future(asyncio.to_thread(_refusing, listener, context))
        peer = Peer("127.0.0.1", ANYONE)
        answer = await ask(peer, listener.getsockname()[1], GET, timeout=PATIENCE)
        await served
    return answer


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_server_that_demands_a_certificate_is_told_for_what_it_is(
    runner: asyncio.Runner, tmp_path: Path, newest: ssl.TLSVersion
) -> None:
    ca = authority()
    context = server_context(signed_by(ca), tmp_path, clients=ca)
    context.maximum_version = newest
    answer = runner.run(_ask_blocking(context))
    assert answer.outcome is Outcome.TLS
    assert "demand a certificate" in answer.why


async def _hanging(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(-1)
    writer.close()


def test_a_server_that_hangs_in_the_handshake_does_not_answer(runner: asyncio.Runner) -> None:
    answer = runner.run(exchange(ANYONE, None, _hanging, IMPATIENCE))
    assert answer.outcome is Outcome.NO_ANSWER


async def _hanging_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


def test_a_server_that_hangs_up_in_the_handshake_has_reset(runner: asyncio.Runner) -> None:
    assert runner.run(exchange(ANYONE, None, _hanging_up)).outcome is Outcome.RESET


async def _too_old(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"\x15\x03\x01\x00\x02\x02\x46")  # alert: fatal, protocol_version (RFC 5246)
    writer.close()


def test_a_server_too_old_for_us_says_so(runner: asyncio.Runner) -> None:
    answer = runner.run(exchange(ANYONE, None, _too_old))
    assert answer.outcome is Outcome.TLS
    assert "TLS 1.2" in answer.why


@pytest.mark.parametrize(
    ("pem", "said"),
    [
        ("", "no certificates in PEM form"),
        ("garbage", "no certificates in PEM form"),
        ("-----BEGIN CERTIFICATE-----\ngarbage\n-----END CERTIFICATE-----\n", "can't be read"),
    ],
)
def test_authorities_that_cannot_be_read_are_named(pem: str, said: str) -> None:
    with pytest.raises(ValueError, match=f'key "ca.crt" of ConfigMap "server-ca" .*{said}'):
        trust(verifying(), pem)


def test_the_name_is_what_the_policy_gives() -> None:
    made = trust(verifying(), authority().text)
    assert (made.name, made.context.check_hostname) == (NAME, True)
    assert made.context.minimum_version is ssl.TLSVersion.TLSv1_2
