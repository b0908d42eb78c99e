"""Which way is taken to the pods, and what the API server's own words mean; no network."""

import json
import ssl

import pytest

from inferencehealth.api.server import Tls
from inferencehealth.checker.podproxy import read, through_proxy, unfit
from inferencehealth.checker.ways import (
    CONVINCED,
    Choice,
    Chosen,
    Evidence,
    Way,
    asking,
    weigh,
)
from inferencehealth.checks import transports
from inferencehealth.checks.steps import Answer, Outcome, Peer, Request, Trust
from inferencehealth.checks.tls import trust
from inferencehealth.kube.config import Access
from inferencehealth.kube.transport import Relayed

OK = Answer(Outcome.ANSWERED, 200)
NO = Answer(Outcome.ANSWERED, 503)
REFUSED = Answer(Outcome.REFUSED)
TIMED_OUT = Answer(Outcome.CONNECT_TIMEOUT)
NO_ROUTE = Answer(Outcome.UNREACHABLE)
HUNG = Answer(Outcome.NO_ANSWER)

DOUBT = Evidence(against=CONVINCED - 1)
PROXY = Evidence(Way.PROXY)

WEIGHED: dict[str, tuple[Evidence, Answer, Answer | None, Evidence]] = {
    "a straight answer ends all doubt": (DOUBT, OK, None, Evidence()),
    "an error is an answer": (DOUBT, NO, None, Evidence()),
    "a hung server was reached": (DOUBT, HUNG, None, Evidence()),
    "so was one that hangs up": (DOUBT, Answer(Outcome.RESET), None, Evidence()),
    "one pod is no proof": (Evidence(), TIMED_OUT, OK, Evidence(against=1)),
    "several are": (DOUBT, TIMED_OUT, OK, PROXY),
    "no route, too": (DOUBT, NO_ROUTE, NO, PROXY),
    "another machine may refuse": (DOUBT, REFUSED, OK, PROXY),
    "a hung server behind the proxy is a way, too": (DOUBT, TIMED_OUT, HUNG, PROXY),
    "a pod that refuses both is to blame itself": (DOUBT, REFUSED, REFUSED, DOUBT),
    "a pod that nobody reaches is to blame itself": (DOUBT, TIMED_OUT, TIMED_OUT, DOUBT),
    "a proxy that does not let us through is no way": (DOUBT, TIMED_OUT, NO_ROUTE, DOUBT),
    "the same answer straight opens the way again": (PROXY, OK, OK, Evidence()),
    "another answer is another machine's": (PROXY, NO, OK, PROXY),
    "still no way": (PROXY, TIMED_OUT, OK, PROXY),
    "no way at all": (PROXY, TIMED_OUT, NO_ROUTE, PROXY),
}


@pytest.mark.parametrize(
    ("before", "direct", "proxied", "after"), WEIGHED.values(), ids=WEIGHED.keys()
)
def test_the_way_changes_by_what_was_reached(
    before: Evidence, direct: Answer, proxied: Answer | None, after: Evidence
) -> None:
    assert weigh(before, direct, proxied) == after


class Script:
    """A transport that gives one answer and counts how often it was asked."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked = 0

    async def ask(self, peer: Peer, port: int, request: Request, *, timeout: float) -> Answer:  # noqa: ASYNC109
        self.asked += 1
        return self.answer


PEER = Peer("10.0.0.1", namespace="ml", pod="triton-0")
GET = Request("/ready")


async def test_once_found_the_way_is_kept_and_looked_at_now_and_then() -> None:
    direct, proxy = Script(TIMED_OUT), Script(OK)
    chosen = Chosen(direct.ask, proxy.ask)
    answers = [await chosen.ask(PEER, 80, GET, timeout=1) for _ in range(CONVINCED + 5)]
    assert answers == [OK] * len(answers)
    assert (direct.asked, proxy.asked, chosen.way) == (CONVINCED, CONVINCED + 5, Way.PROXY)


@pytest.mark.parametrize("answer", [NO, HUNG, Answer(Outcome.RESET), Answer(Outcome.MALFORMED)])
async def test_a_pod_that_may_have_served_a_request_is_not_asked_again(answer: Answer) -> None:
    direct, proxy = Script(answer), Script(OK)
    assert await Chosen(direct.ask, proxy.ask).ask(PEER, 80, GET, timeout=1) is answer
    assert proxy.asked == 0


async def test_without_the_right_to_the_proxy_the_straight_outcome_stands() -> None:
    chosen = Chosen(Script(TIMED_OUT).ask, Script(NO_ROUTE).ask)
    assert await chosen.ask(PEER, 80, GET, timeout=1) is TIMED_OUT


async def no_credentials(*, renew: bool = False) -> dict[str, str]:
    return {}


@pytest.mark.parametrize(
    ("choice", "inside", "straight"),
    [
        (Choice.AUTO, True, True),
        (Choice.AUTO, False, False),
        (Choice.DIRECT, False, True),
        (Choice.PROXY, True, False),
    ],
)
async def test_inside_the_cluster_pods_are_asked_straight(
    monkeypatch: pytest.MonkeyPatch, choice: Choice, inside: bool, straight: bool
) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1" if inside else "")
    access = Access("https://127.0.0.1:1", "a test", no_credentials)
    async with asking(access, choice) as ask:
        assert (ask is transports.ask) is straight


def status(message: str, code: int = 503) -> Relayed:
    body = {"kind": "Status", "apiVersion": "v1", "message": message, "code": code}
    return Relayed(code, json.dumps(body).encode(), retry_after=False)


REACH = "error trying to reach service: "
TOLD = {
    REACH + "dial tcp 10.0.0.1:80: connect: connection refused": Outcome.REFUSED,
    REACH + "dial tcp 10.0.0.1:80: i/o timeout": Outcome.CONNECT_TIMEOUT,
    REACH + "dial tcp 10.0.0.1:80: connect: no route to host": Outcome.UNREACHABLE,
    REACH + "net/http: timeout awaiting response headers": Outcome.NO_ANSWER,
    REACH + "read tcp 1.2.3.4:5->6.7.8.9:80: read: connection reset by peer": Outcome.RESET,
    REACH + "EOF": Outcome.RESET,
    REACH + 'net/http: HTTP/1.x transport connection broken: malformed HTTP status code "x"':
        Outcome.MALFORMED,
    REACH + "http: server gave HTTP response to HTTPS client": Outcome.TLS,
    REACH + "something new": Outcome.UNREACHABLE,
    "address not allowed": Outcome.UNREACHABLE,
    'pods "triton-0" not found': Outcome.UNREACHABLE,
}  # fmt: skip


@pytest.mark.parametrize(("message", "outcome"), TOLD.items(), ids=list(TOLD))
def test_the_api_servers_own_words_are_not_the_servers(message: str, outcome: Outcome) -> None:
    answer = read(status(message), 100)
    assert (answer.outcome, answer.status, answer.body) == (outcome, 0, b"")


def test_a_missing_right_names_the_remedy() -> None:
    answer = read(status('pods "triton-0" is forbidden: User "x" cannot …', 403), 100)
    assert answer.outcome is Outcome.UNREACHABLE
    assert "pods/proxy" in answer.why


@pytest.mark.parametrize(
    ("code", "body"),
    [
        (200, b'{"kind": "Status", "apiVersion": "v1"}'),
        (503, b'{"kind": "Status"}'),
        (503, b'{"error": "loading"}'),
        (503, b"{" * 20_000),
        (503, b"\xff"),
        (404, b"[]"),
    ],
)
def test_what_a_pod_says_stays_the_pods(code: int, body: bytes) -> None:
    answer = read(Relayed(code, body, retry_after=True), 1 << 20)
    assert answer == Answer(Outcome.ANSWERED, code, body, retry_after=True)


def test_the_path_names_pod_port_and_scheme() -> None:
    plain = through_proxy(PEER, 8000, Request("/v2/x?y=1"))
    assert plain.path == "/api/v1/namespaces/ml/pods/triton-0:8000/proxy/v2/x?y=1"
    secure = Peer("10.0.0.1", trust(Tls(insecure_skip_verify=True)), False, "ml", "triton-0")
    assert "/pods/https:triton-0:8443/proxy/" in through_proxy(secure, 8443, GET).path


@pytest.mark.parametrize(
    ("peer", "request_", "said"),
    [
        (PEER, Request("/a/b", grpc=True), "gRPC"),
        (
            Peer("10.0.0.1", Trust(ssl.create_default_context(), "n")),
            GET,
            "verify",
        ),
        (PEER, Request("/", headers=(("Authorization", "Bearer x"),)), "credentials"),
        (PEER, Request("/", headers=(("impersonate-User", "x"),)), "credentials"),
        (PEER, Request("/v1/models/org%2Fname"), "slash"),
    ],
)
def test_what_the_proxy_would_change_is_not_asked(peer: Peer, request_: Request, said: str) -> None:
    answer = unfit(peer, request_)
    assert answer is not None
    assert said in answer.why


@pytest.mark.parametrize("path", ["/x\r\nHost: y", "no-slash", "/ü"])
def test_a_request_cannot_smuggle_through_the_proxy(path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        through_proxy(PEER, 80, Request(path))
