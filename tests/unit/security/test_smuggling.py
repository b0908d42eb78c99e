"""Encoding and smuggling: a request says what it says, and one answer is heard."""

import gzip
import zlib

import pytest

from inferencehealth.checks import http
from inferencehealth.checks.steps import MAX_BODY, Answer, Outcome, Peer, Request
from inferencehealth.checks.transports import check_request
from tests.unit.security.traps import LOOPBACK, answering, head

TIMEOUT = 5.0
GET = Request("/health")

UNSENDABLE_PATHS = {
    "a line": "/x\r\nHost: evil",
    "a second request": "/x HTTP/1.1\r\n\r\nGET /admin",
    "a bare line feed": "/x\nX: y",
    "a bare return": "/x\rX: y",
    "a blank": "/x y",
    "a tab": "/x\ty",
    "a NUL": "/x\0",
    "an escape": "/\x1b[31m",
    "a delete": "/\x7f",
    "Latin-1": "/\xe9",
    "what folds to a line feed": "/\u010a",
    "a line separator": "/\u2028",
    "a full-width slash": "/\uff0f",
    "a surrogate": "/\ud800",
    "a name": "evil.example/",
    "an address": "http://169.254.169.254/",
    "an asterisk": "*",
    "nothing": "",
    "a query alone": "?x",
}

UNSENDABLE_HEADERS = {
    "a line in a value": ("X-Key", "x\r\nX-Evil: y"),
    "a line feed in a value": ("X-Key", "x\ny"),
    "a return in a value": ("X-Key", "x\ry"),
    "a NUL in a value": ("X-Key", "x\0"),
    "a fold in a value": ("X-Key", "x\r\n y"),
    "Latin-1 in a value": ("X-Key", "\xe9"),
    "what folds to a line feed": ("X-Key", "\u010a"),
    "a line in a name": ("X-Key: x\r\nX-Evil", "y"),
    "a colon in a name": ("X-Key:", "y"),
    "a blank in a name": ("X Key", "y"),
    "no name": ("", "y"),
    "another host": ("Host", "evil.example"),
    "another host in capitals": ("HOST", "evil.example"),
    "another length": ("Content-Length", "0"),
    "chunks": ("Transfer-Encoding", "chunked"),
    "chunks in capitals": ("TRANSFER-ENCODING", "chunked"),
    "a blank before the colon": ("Transfer-Encoding ", "chunked"),
    "another connection": ("Connection", "keep-alive, X-Key"),
    "an upgrade": ("Upgrade", "h2c"),
    "an expectation": ("Expect", "100-continue"),
    "compression": ("Accept-Encoding", "gzip"),
    "another agent": ("User-Agent", "kube-probe/1.36"),
}

UNSENDABLE_METHODS = ["CONNECT", "HEAD", "GET /evil HTTP/1.1\r\n", "get", "", "G\0T", "TRACE X"]


@pytest.mark.parametrize("path", UNSENDABLE_PATHS.values(), ids=UNSENDABLE_PATHS)
def test_a_path_that_would_say_more_than_a_path_is_not_sent(path: str) -> None:
    with pytest.raises(ValueError, match="is no path"):
        check_request(Request(path))


@pytest.mark.parametrize("header", UNSENDABLE_HEADERS.values(), ids=UNSENDABLE_HEADERS)
def test_a_header_that_would_say_more_than_a_header_is_not_sent(header: tuple[str, str]) -> None:
    """Header injection by the keys and values of a Secret."""
    with pytest.raises(ValueError, match="header"):
        check_request(Request("/", headers=(header,)))


@pytest.mark.parametrize("method", UNSENDABLE_METHODS)
def test_a_method_that_would_say_more_than_a_method_is_not_sent(method: str) -> None:
    with pytest.raises(ValueError, match="no method"):
        check_request(Request("/", method=method))


def test_the_message_about_a_bad_header_does_not_have_its_value() -> None:
    with pytest.raises(ValueError, match="X-Key") as refused:
        check_request(Request("/", headers=(("X-Key", "s3cret\r\nX: y"),)))
    assert "s3cret" not in str(refused.value)


async def test_a_body_is_framed_by_its_length_and_nothing_else() -> None:
    body = b"0\r\n\r\nGET /admin HTTP/1.1\r\nHost: evil\r\n\r\n"
    async with answering(head(200)) as server:
        request = Request("/infer", method="POST", body=body)
        await http.ask(Peer(LOOPBACK), server.port, request, timeout=TIMEOUT)
        said = server.said[0]
    assert b"Content-Length: %d\r\n" % len(body) in said
    assert b"Transfer-Encoding" not in said


# Answers


async def asked(*answers: bytes, keep_alive: bool = False) -> Answer:
    async with answering(*answers) as server:
        peer = Peer(LOOPBACK, keep_alive=keep_alive)
        return await http.ask(peer, server.port, GET, timeout=TIMEOUT)


RAW = b"HTTP/1.1 200 OK\r\n"
AMBIGUOUS = {
    "a length and chunks": RAW
    + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nevil",
    "two lengths": RAW + b"Content-Length: 2\r\nContent-Length: 30\r\n\r\nok",
    "a list of lengths": RAW + b"Content-Length: 2, 30\r\n\r\nok",
    "a negative length": RAW + b"Content-Length: -1\r\n\r\nok",
    "a signed length": RAW + b"Content-Length: +2\r\n\r\nok",
    "a length in hexadecimal": RAW + b"Content-Length: 0x2\r\n\r\nok",
    "a length beyond 64 bits": RAW + b"Content-Length: 99999999999999999999999\r\n\r\nok",
    "a chunk of no number": RAW + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n",
    "a chunk beyond 64 bits": RAW
    + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nok\r\n",
    "a NUL in a name": RAW + b"X\0Y: z\r\nContent-Length: 2\r\n\r\nok",
    "a line without a colon": RAW + b"evil\r\nContent-Length: 2\r\n\r\nok",
    "a blank before the colon": RAW + b"Content-Length : 2\r\n\r\nok",
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "HTTP/2": b"HTTP/2 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "no status": b"HTTP/1.1 OK\r\nContent-Length: 2\r\n\r\nok",
    "an impossible status": b"HTTP/1.1 099 Low\r\nContent-Length: 2\r\n\r\nok",
    "a change of protocol": b"HTTP/1.1 101 Any\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
}


@pytest.mark.parametrize("raw", AMBIGUOUS.values(), ids=AMBIGUOUS)
async def test_an_answer_that_can_be_read_in_two_ways_is_none(raw: bytes) -> None:
    answer = await asked(raw)
    assert answer.outcome in {Outcome.MALFORMED, Outcome.TOO_LARGE, Outcome.RESET}


SECOND = head(200, body=b"for somebody else")


@pytest.mark.parametrize(
    "first",
    [
        head(200, body=b"ok") + SECOND,
        RAW + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n" + SECOND,
        b"HTTP/1.1 204 None\r\n\r\n" + SECOND,
    ],
)
async def test_a_second_answer_that_nobody_asked_for_is_never_taken_for_the_next(
    first: bytes,
) -> None:
    """Response queue poisoning over a connection that is kept."""
    async with answering(first, keep=True) as server:
        peer = Peer(LOOPBACK, keep_alive=True)
        for _ in range(3):
            answer = await http.ask(peer, server.port, GET, timeout=TIMEOUT)
            assert answer.body != b"for somebody else"
        assert len(server.said) == 3, "a connection with bytes left over is not used again"


async def test_a_kept_connection_serves_nobody_but_whom_it_was_made_to() -> None:
    ours, theirs = head(200, body=b"ours"), head(200, body=b"theirs")
    async with answering(ours, keep=True) as one, answering(theirs, keep=True) as other:
        peer = Peer(LOOPBACK, keep_alive=True)
        bodies = [
            (await http.ask(peer, server.port, GET, timeout=TIMEOUT)).body
            for server in (one, other, one, other)
        ]
        assert bodies == [b"ours", b"theirs"] * 2
        assert (len(one.said), len(other.said)) == (1, 1), "each connection was kept"


BOMBS = {
    "a body": head(200, body=b"x" * (MAX_BODY + 1)),
    "a body announced": RAW + b"Content-Length: 9999999999\r\n\r\nx",
    "a body without an end": RAW + b"\r\n" + b"x" * (MAX_BODY + 1),
    "a body in chunks": RAW
    + b"Transfer-Encoding: chunked\r\n\r\n"
    + b"400\r\n%b\r\n" % (b"x" * 1024) * 100,
    "chunks of one byte": RAW + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 200_000,
    "extensions of chunks": RAW
    + b"Transfer-Encoding: chunked\r\n\r\n"
    + b"1;%b\r\nx\r\n" % (b"e" * 10_000) * 200,
    "a header": RAW + b"X: " + b"x" * 20_000 + b"\r\n\r\n",
    "headers": RAW + b"X: y\r\n" * 5_000 + b"\r\n",
    "a header without an end": RAW + b"X" * 20_000,
    "a reason": b"HTTP/1.1 200 " + b"x" * 20_000 + b"\r\n\r\n",
    "interim answers": b"HTTP/1.1 102 Wait\r\n\r\n" * 2_000 + head(200),
    "trailers": RAW
    + b"Transfer-Encoding: chunked\r\n\r\n0\r\n"
    + b"X: %b\r\n" % (b"y" * 1_000) * 1_000
    + b"\r\n",
}


@pytest.mark.parametrize("raw", BOMBS.values(), ids=BOMBS)
async def test_an_answer_without_measure_is_cut_off(raw: bytes) -> None:
    """CVE-2025-32777, CVE-2026-44247 Volcano: unbounded answers."""
    answer = await asked(raw)
    assert answer.outcome in {Outcome.TOO_LARGE, Outcome.MALFORMED, Outcome.RESET}
    assert len(answer.body) <= MAX_BODY


COMPRESSED = {
    "gzip": (gzip.compress(b"\0" * 10_000_000), "gzip"),
    "deflate": (zlib.compress(b"\0" * 10_000_000), "deflate"),
    "twice": (gzip.compress(gzip.compress(b"\0" * 10_000_000)), "gzip, gzip"),
    "br": (b"\x5b\xff\xff\x3f\x00", "br"),
    "zstd": (b"\x28\xb5\x2f\xfd", "zstd"),
}


@pytest.mark.parametrize(("body", "encoding"), COMPRESSED.values(), ids=COMPRESSED)
async def test_a_compressed_answer_is_not_unpacked(body: bytes, encoding: str) -> None:
    """CVE-2025-69223, CVE-2026-128131 aiohttp: ten megabytes out of ten kilobytes."""
    answer = await asked(head(200, f"Content-Encoding: {encoding}", body=body))
    assert answer.body == body


async def test_the_checker_says_that_it_takes_no_compression() -> None:
    async with answering(head(200)) as server:
        await http.ask(Peer(LOOPBACK), server.port, GET, timeout=TIMEOUT)
        assert b"Accept-Encoding: identity\r\n" in server.said[0]
