"""Reads the bytes of one HTTP/1.1 answer, as they come, within bounds; knows no sockets. Pure.

`connection` feeds it, `http` makes an answer of what it read. Whatever the bytes, it ends in an
outcome and never holds more than the body it may hold and one chunk of what was fed.
"""

from typing import Final

import httptools

from inferencehealth.checks.retry import retry_in
from inferencehealth.checks.steps import Answer, Outcome, Part

MAX_HEAD: Final = 16 * 1024
"""Bytes of status lines and headers that are read at most, interim responses included."""

_FRAMING: Final = 8
"""Wire bytes per byte of body: a chunk of one byte costs six, and leaves room for trailers."""

MAX_PART: Final = 4 * 1024
"""Bytes that are told of a body that was cut: enough for the first event of a stream."""
_CUT: Final = frozenset({Outcome.UNFINISHED, Outcome.TOO_LARGE})

_NO_BODY: Final = frozenset({204, 304})


class Response:
    """One answer, read until its outcome is known.

    `reusable`: it ended where it said it would and the server lets the connection live on.
    """

    __slots__ = (
        "_date",
        "_in_body",
        "_left_body",
        "_left_head",
        "_left_wire",
        "_outcome",
        "_parser",
        "_parts",
        "_retry",
        "_sized",
        "begun",
        "reusable",
        "status",
    )

    def __init__(self, max_body: int) -> None:
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self._outcome: Outcome | None = None
        self._parts: list[bytes] = []
        self._left_head = MAX_HEAD
        self._left_body = max_body
        self._left_wire = 2 * MAX_HEAD + _FRAMING * max_body
        self._in_body = False
        self._sized = False
        self.begun = False
        self.reusable = False
        self._date = b""
        self._retry: bytes | None = None
        self.status = 0

    def answer(self, seconds: float) -> Answer:
        """The whole answer, which took so long; not held any longer here, as a connection may be
        idle for minutes and a body large."""
        body, retry = self._taken(), self._retry
        if retry is None:
            return Answer(Outcome.ANSWERED, self.status, body, seconds)
        wait = retry_in(retry, self._date)
        return Answer(Outcome.ANSWERED, self.status, body, seconds, retry_after=True, retry_in=wait)

    def cut(self, outcome: Outcome, seconds: float, why: str = "") -> Answer:
        """The answer that ended otherwise than by being whole, with what came of its body."""
        body = self._taken() if self._in_body else b""
        told = body and outcome in _CUT
        part = Part(self.status, body[:MAX_PART]) if told else None
        return Answer(outcome, seconds=seconds, why=why, part=part)

    def _taken(self) -> bytes:
        parts, self._parts = self._parts, []
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def feed(self, data: bytes) -> Outcome | None:
        """Takes the next bytes; the outcome once it is known, None while more has to come."""
        parser = self._parser
        if parser is None:
            return self._outcome
        self.begun = True
        self._left_wire -= len(data)
        if self._left_wire < 0:
            self._outcome = Outcome.TOO_LARGE
        try:
            while data and self._outcome is None:
                if self._in_body:
                    part = data
                elif self._left_head > 0:
                    part = data[: self._left_head]
                    self._left_head -= len(part)
                else:
                    self._outcome = Outcome.TOO_LARGE
                    break
                parser.feed_data(part)
                data = data[len(part) :]
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.reusable = False
            if self._outcome is None:
                self._outcome = Outcome.MALFORMED
        if self._outcome is not None:
            self._cut()
        return self._outcome

    def end(self, *, clean: bool) -> Outcome:
        """No more bytes come, because the server closed (`clean`) or the connection broke."""
        if self._outcome is None:
            whole = clean and self._in_body and not self._sized
            self._outcome = Outcome.ANSWERED if whole else Outcome.RESET
            self._cut()
        return self._outcome

    def _cut(self) -> None:
        """Lets go of the parser, which holds this object by its callbacks.

        Only the collector of reference cycles would free the two, a thousand times a second.
        """
        self._parser = None

    # httptools callbacks

    def on_message_begin(self) -> None:
        """An answer begins, final or interim."""
        if self._outcome is not None:
            self.reusable = False  # more than one answer came; the rest is nobody's

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header line."""
        lower = name.lower()
        if lower in (b"content-length", b"transfer-encoding"):
            self._sized = True
        elif self._outcome is None:
            if lower == b"retry-after":
                self._retry = value
            elif lower == b"date":
                self._date = value

    def on_headers_complete(self) -> None:
        """The head is whole."""
        if self._outcome is not None or self._parser is None:
            return
        self.status = status = self._parser.get_status_code()
        self._in_body = status >= 200
        if status < 100 or status == 101:
            # Impossible, or a change of protocol that nobody asked for.
            self._outcome = Outcome.MALFORMED

    def on_body(self, body: bytes) -> None:
        """Some of the body."""
        self._left_body -= len(body)
        if self._outcome is not None:
            return
        if self._left_body < 0:
            self._outcome = Outcome.TOO_LARGE
        else:
            self._parts.append(body)

    def on_message_complete(self) -> None:
        """The answer is whole."""
        if self._outcome is not None or self._parser is None:
            return
        if self._in_body:
            framed = self._sized or self.status in _NO_BODY
            self.reusable = framed and bool(self._parser.should_keep_alive())
            self._outcome = Outcome.ANSWERED
        else:
            # An interim response: the answer is still to come.
            self._sized, self._retry = False, None
            self.status = 0
