"""What a hostile or broken server sends: the seeds of the fuzzers, by name. Made here, not found.

Each is one answer as it stands on the wire.
"""

import json
from typing import Final

HEAD: Final = b"HTTP/1.1 200 OK\r\n"
JSON_HEAD: Final = HEAD + b"Content-Type: application/json\r\n"


def framed(body: bytes, head: bytes = JSON_HEAD) -> bytes:
    """A whole answer with that body."""
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def document(value: object) -> bytes:
    """A whole answer with that JSON."""
    return framed(json.dumps(value).encode())


def _deep(opening: bytes, closing: bytes, depth: int) -> bytes:
    return framed(opening * depth + closing * depth)


HOSTILE: Final = {
    "healthy": document({"status": "healthy", "components": {"redis": "healthy"}}),
    "a triton index": document([{"name": "m", "version": "1", "state": "READY"}]),
    "a list of models": document({"object": "list", "data": [{"id": "m"}], "models": ["m"]}),
    "a model's state": document(
        {"model_version_status": [{"version": "1", "state": "AVAILABLE", "status": {}}]}
    ),
    "wrong types": document({"status": [], "models": {}, "data": 3, "components": [None]}),
    "unhashable names": document({"data": [{"id": []}, {"id": {}}], "status": {}}),
    "garbage": b"\x00\xff\xfe garbage \r\n\r\n",
    "garbage in the middle": HEAD + b"\xff\x00: \x01\r\n\r\nhi",
    "HTTP/0.9": b"<html>hi</html>",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\n\r\n{}",
    "HTTP/9.9": b"HTTP/9.9 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "100-continue": b"HTTP/1.1 100 Continue\r\n\r\n" + framed(b"{}"),
    "many interim answers": b"HTTP/1.1 103 Early\r\nLink: </x>\r\n\r\n" * 50 + framed(b"{}"),
    "only interim answers": b"HTTP/1.1 100 Continue\r\n\r\n" * 2000,
    "switching protocols": b"HTTP/1.1 101 S\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
    "endless headers": HEAD + b"X: y\r\n" * 10_000,
    "one endless header": HEAD + b"X: " + b"y" * 60_000,
    "an endless status line": b"HTTP/1.1 200 " + b"O" * 60_000,
    "endless trailers": HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: y\r\n" * 10_000,
    "a length too long": HEAD + b"Content-Length: 9\r\n\r\nhi",
    "a length too short": HEAD + b"Content-Length: 1\r\n\r\nhi",
    "a negative length": HEAD + b"Content-Length: -1\r\n\r\n",
    "an enormous length": HEAD + b"Content-Length: 99999999999999999999\r\n\r\n",
    "two lengths": HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nhi",
    "length and chunks": HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a chunk without end": HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffffffff\r\nhi",
    "a bad chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "a chunk extension": HEAD + b"Transfer-Encoding: chunked\r\n\r\n2;" + b"a" * 9000 + b"\r\nhi",
    "an impossible status": b"HTTP/1.1 999 No\r\nContent-Length: 0\r\n\r\n",
    "no status": b"HTTP/1.1 \r\n\r\n",
    "huge JSON": framed(b"[" + b"0," * 30_000 + b"0]"),
    "a huge number": framed(b"1" * 50_000),
    "a huge exponent": framed(b'{"status": 1e999999999, "x": -1E+400}'),
    "NaN": framed(b'{"status": NaN, "x": Infinity}'),
    "deep lists": _deep(b"[", b"]", 30_000),
    "deep objects": _deep(b'{"a":', b"}", 10_000),
    "half a document": framed(b'{"status": "hea'),
    "NULs": framed(b'{"status": "\x00"}\x00\x00'),
    "escaped NULs": framed(b'{"status": "\\u0000", "\\u0000": 1}'),
    "invalid UTF-8": framed(b'{"status": "\xff\xfe\xc3("}'),
    "lone surrogates": framed(b'{"status": "\\ud800", "models": ["\\udfff"]}'),
    "UTF-16": framed('{"status": "ready"}'.encode("utf-16")),
    "a byte order mark": framed(b'\xef\xbb\xbf{"status": "ready"}'),
    "one key often": framed(b"{" + b'"status": 1,' * 4000 + b'"status": 2}'),
    "control characters": document({"status": "\x1b[31mred\x07", "message": "a\r\nb"}),
    "Envoy": framed(b"upstream connect error or disconnect", b"HTTP/1.1 503 X\r\n"),
    "a redirect": b"HTTP/1.1 302 F\r\nLocation: http://169.254.169.254/\r\n\r\n",
}
