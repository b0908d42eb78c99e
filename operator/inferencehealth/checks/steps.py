"""What is asked and what an answer means: the vocabulary shared by profiles, transports, verdicts.

A profile turns a CheckSpec into steps; a transport turns a step's request into an answer; the
step's own `read` turns the answer into a reading; `verdict` folds the readings of one round.
"""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

MAX_BODY = 64 * 1024
"""Bytes of a response body that a check reads at most, unless its step says otherwise."""


class Outcome(StrEnum):
    """How an exchange with a server ended."""

    ANSWERED = "Answered"
    REFUSED = "Refused"
    CONNECT_TIMEOUT = "ConnectTimeout"
    NO_ANSWER = "NoAnswer"
    """Connected, but not one byte of an answer within the timeout."""
    UNFINISHED = "Unfinished"
    """The answer began but did not end within the timeout."""
    TLS = "Tls"
    """No TLS connection came about; the answer's `why` tells which part of it failed."""
    RESET = "Reset"
    UNREACHABLE = "Unreachable"
    """No route, or our own network forbids it: says nothing about the server."""
    TOO_LARGE = "TooLarge"
    MALFORMED = "Malformed"


@dataclass(frozen=True, slots=True)
class Request:
    """One request to a pod's own address. `port` 0 means the server's port.

    With `grpc` it is a unary call: the path is the method, the body its encoded message.
    """

    path: str
    method: str = "GET"
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # may hold an API key
    port: int = 0
    max_body: int = MAX_BODY
    grpc: bool = False


def told_path(path: str) -> str:
    """The path as messages have it: a query may hold a key, and says little about the server."""
    plain, mark, _ = path.partition("?")
    return f"{plain}?…" if mark else plain


@dataclass(frozen=True, slots=True)
class Trust:
    """How a server's certificate is judged; `name` is what it must be made out to, and SNI.

    `ca_pem` are the trusted authorities again, for transports that do not take the context;
    empty: the system's. `verified` False: whoever answers is trusted.
    """

    context: ssl.SSLContext
    name: str = ""
    ca_pem: str = ""

    @property
    def verified(self) -> bool:
        """Whether the certificate counts at all."""
        return self.context.verify_mode is ssl.CERT_REQUIRED


@dataclass(frozen=True, slots=True)
class Peer:
    """Whom a request is sent to, and how it is spoken to. `trust` None: without TLS.

    `namespace` and `pod` are for the one way that does not go to the address: through the API
    server. `host` is what an HTTP server is called by; empty: its address and port.
    """

    address: str
    trust: Trust | None = None
    keep_alive: bool = False
    namespace: str = ""
    pod: str = ""
    host: str = ""
    ports: frozenset[int] | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """What came of an answer whose body began but was not read to its end."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `status` is 0 unless `outcome` is ANSWERED; `seconds` is the whole time.

    For gRPC the status is the gRPC code, of which 0 is OK. `retry_after`: the server said, by the
    header of that name, that it will serve later, and `retry_in` after how many seconds, 0 where it
    did not. `why` tells more about an outcome, in our own words; `part` is the beginning of an
    answer that is UNFINISHED or TOO_LARGE.
    """

    outcome: Outcome
    status: int = 0
    body: bytes = b""
    seconds: float = 0.0
    retry_after: bool = False
    why: str = ""
    retry_in: float = 0.0
    part: Part | None = None


class Sign(StrEnum):
    """What one reading says about what it asked for."""

    SERVES = "Serves"
    DEGRADED = "Degraded"
    LOADING = "Loading"
    """The server tells that it loads, or that something it needs does."""
    NOT_READY = "NotReady"
    """The server says that it does not serve, but not whether it loads or failed; only the pod's
    history can tell which."""
    BUSY = "Busy"
    ASLEEP = "Asleep"
    FAILS = "Fails"
    """The server answered, and says that it does not serve this."""
    SILENT = "Silent"
    """Nobody answered: loading, hung or dead; only the pod's history can tell which."""
    UNKNOWN = "Unknown"
    """The answer, or its absence, says nothing about the server."""


@dataclass(frozen=True, slots=True)
class Item:
    """The state of one model or component as one server told it."""

    name: str
    sign: Sign
    version: str = ""
    required: bool = False
    reason: str = ""
    """CamelCase, stable: ModelLoading, ModelNotFound, ModelLoadFailed, ComponentDown …"""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one step's answer means.

    `timed`: the message tells numbers that run, so that another message alone is no news.
    """

    sign: Sign
    reason: str = ""
    message: str = ""
    models: tuple[Item, ...] = ()
    components: tuple[Item, ...] = ()
    timed: bool = False


class StepKind(StrEnum):
    """What a step asks about."""

    LIVE = "live"
    READY = "ready"
    MODEL = "model"
    INDEX = "index"
    COMPONENTS = "components"


@dataclass(frozen=True, slots=True)
class Step:
    """One request and how to read its answer.

    `decisive` steps end the round when their reading is SILENT or UNKNOWN: where nobody answers
    there is no use in asking on. `read` is pure and never raises, whatever the bytes.
    """

    name: str
    kind: StepKind
    request: Request
    read: Callable[[Answer], Reading] = field(compare=False)
    decisive: bool = True
