"""SSRF: only a pod's own address and port are asked, whatever a policy, a pod or a server says."""

import socket
from typing import Any

import pytest

from inferencehealth.checker import reach
from inferencehealth.checker.peers import peer_of
from inferencehealth.checker.references import References, UnreadableError
from inferencehealth.checks import grpc, http, sockets, transports
from inferencehealth.checks.steps import Answer, Outcome, Peer, Request
from inferencehealth.kube.pods import PodRecord, project_pod
from inferencehealth.kube.requests import Resource, read
from inferencehealth.kube.retries import ONE_SHOT, Limits
from tests.unit.checker import values
from tests.unit.security.traps import LOOPBACK, Heard, answering, head

TIMEOUT = 5.0
GET = Request("/health")

NOWHERE_FOR_A_POD = [
    # What this machine is to itself.
    "127.0.0.1",
    "127.1.2.3",
    "127.255.255.254",
    "::1",
    "0.0.0.0",
    "0.1.2.3",
    "::",
    # IPv4 in other clothes.
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "::127.0.0.1",
    "64:ff9b::169.254.169.254",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2001:0:53aa:64c:0:fbff:5601:5601",
    # Where clouds keep credentials.
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "169.254.0.1",
    "fe80::1",
    "fe80::a9fe:a9fe",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "fd20:ce::254",
    "fd00:42::42",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    # Everybody, and nobody.
    "224.0.0.1",
    "239.255.255.250",
    "ff02::1",
    "255.255.255.255",
    "240.0.0.1",
]

NO_ADDRESS = [
    "",
    " ",
    "localhost",
    "metadata.google.internal",
    "kubernetes.default.svc",
    "169.254.169.254.nip.io",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "127.1",
    "127.0.0.1.",
    "127.0.0.1:80",
    "127.0.0.1 ",
    "user@127.0.0.1",
    "10.0.0.1/admin",
    "10.0.0.1#@127.0.0.1",
    "http://127.0.0.1",
    "[::1]",
    "10.0.0.1\r\nHost: evil",
    "10.0.0.1\x00.evil",
    "１２７.0.0.1",
    "127。0。0。1",
]

OF_PODS = ["10.0.0.1", "172.16.3.4", "192.168.1.1", "100.64.0.7", "34.1.2.3", "fd00:10:244::5"]


class Unasked:
    """A transport that nobody may use."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, peer: Peer, port: int, request: Request, *, timeout: float) -> Answer:  # noqa: ASYNC109
        self.asked.append(peer.address)
        return Answer(Outcome.ANSWERED, 200)


@pytest.mark.parametrize("address", NOWHERE_FOR_A_POD + NO_ADDRESS)
async def test_an_address_that_no_pod_can_have_is_never_asked(address: str) -> None:
    transport = Unasked()
    ask = reach.guarded(transport, loopback=False)
    answer = await ask(Peer(address), 80, GET, timeout=TIMEOUT)
    assert transport.asked == []
    assert answer.outcome is Outcome.UNREACHABLE
    assert "is not asked" in answer.why


@pytest.mark.parametrize("address", OF_PODS)
async def test_an_address_of_a_pod_is_asked(address: str) -> None:
    transport = Unasked()
    await reach.guarded(transport, loopback=False)(Peer(address), 80, GET, timeout=TIMEOUT)
    assert transport.asked == [address]


@pytest.mark.parametrize("address", ["127.0.0.1", "127.64.0.9", "::1"])
async def test_loopback_is_asked_where_that_was_chosen_and_nothing_else_with_it(
    address: str,
) -> None:
    transport = Unasked()
    ask = reach.guarded(transport, loopback=True)
    await ask(Peer(address), 80, GET, timeout=TIMEOUT)
    assert transport.asked == [address]
    for other in ("169.254.169.254", "::ffff:127.0.0.1", "0.0.0.0"):
        assert reach.address_problem(other, loopback=True)


@pytest.fixture
def no_names(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Whoever resolves a name is found out: what resolves to a pod may resolve elsewhere next."""
    resolved: list[object] = []

    def refuse(*name: object, **_: object) -> None:
        resolved.append(name)
        raise OSError("a name was resolved")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket, "gethostbyname", refuse)
    return resolved


@pytest.mark.parametrize("address", NO_ADDRESS)
@pytest.mark.parametrize("ask", [http.ask, grpc.ask], ids=["http", "grpc"])
async def test_a_transport_resolves_no_name_even_where_nobody_guards_it(
    ask: reach.Ask, address: str, no_names: list[object]
) -> None:
    """DNS rebinding: there is no second look at a name, because there is no first."""
    request = GET if ask is http.ask else Request("/grpc.health.v1.Health/Check", grpc=True)
    answer = await ask(Peer(address), 80, request, timeout=TIMEOUT)
    assert answer.outcome is Outcome.UNREACHABLE
    assert no_names == []


# Ports


@pytest.mark.parametrize("port", [22, 2379, 6443, 10250, 10255, 8001])
async def test_of_a_pod_in_its_nodes_network_only_declared_ports_are_asked(port: int) -> None:
    transport = Unasked()
    ask = reach.guarded(transport, loopback=False)
    peer = Peer("10.0.0.1", ports=frozenset({8000}))
    refused = await ask(peer, port, GET, timeout=TIMEOUT)
    assert refused.outcome is Outcome.UNREACHABLE
    assert f"port {port} is not asked" in refused.why
    await ask(peer, 8000, GET, timeout=TIMEOUT)
    assert transport.asked == ["10.0.0.1"]


async def test_a_pod_in_its_nodes_network_that_declares_no_port_is_not_asked() -> None:
    wrong = reach.problem(Peer("10.0.0.1", ports=frozenset()), 8000, loopback=False)
    assert "declare the port" in wrong


def pod(**spec: Any) -> PodRecord:
    server = {"name": "server", "image": "x", "ports": [{"containerPort": 8000}]}
    sidecar = {"name": "side", "image": "x", "ports": [{"containerPort": 9000}]}
    raw = {
        "metadata": {"uid": "1", "namespace": "ml", "name": "model"},
        "spec": {"containers": [server], "initContainers": [sidecar], **spec},
        "status": {"podIP": "10.0.0.1"},
    }
    found = project_pod(raw)
    assert found is not None
    return found


async def test_the_ports_that_a_pod_declares_stay_with_whom_is_asked() -> None:
    for spec, ports in (({"hostNetwork": True}, frozenset({8000, 9000})), ({}, None)):
        peer = await peer_of(values.spec(), pod(**spec), "10.0.0.1", None)
        assert isinstance(peer, Peer)
        assert peer.ports == ports


@pytest.mark.parametrize("name", [".", ".."])
async def test_a_secret_whose_name_is_a_way_up_is_unreadable_and_breaks_nothing(name: str) -> None:
    async def get(
        resource: Resource, name: str, *, namespace: str = "", limits: Limits = ONE_SHOT
    ) -> dict[str, Any]:
        raise AssertionError(read(resource, name, namespace=namespace).path)

    with pytest.raises(UnreadableError, match="is no name of a Secret"):
        await References(get).headers("ml", name)


# Redirects, and other ways of a server to send somebody elsewhere


REDIRECTS = {
    **{
        f"{status} to {to}": (status, f"Location: {to}")
        for status in (301, 302, 303, 307, 308)
        for to in ("http://TRAP/", "//TRAP/", "http://user:pw@TRAP/")
    },
    "300 with choices": (300, "Location: http://TRAP/"),
    "305 use proxy": (305, "Location: http://TRAP/"),
    "306 switch proxy": (306, "Set-Proxy: SET; proxyURI=http://TRAP/"),
    "201 created": (201, "Location: http://TRAP/"),
    "200 with a refresh": (200, "Refresh: 0; url=http://TRAP/"),
    "200 with a location": (200, "Content-Location: http://TRAP/"),
    "200 with an alternative": (200, 'Alt-Svc: http/1.1="TRAP"; ma=86400'),
    "200 with a link": (200, "Link: <http://TRAP/>; rel=preload"),
    "421 misdirected": (421, 'Alt-Svc: http/1.1="TRAP"'),
    "401 negotiate": (401, "WWW-Authenticate: Negotiate"),
    "401 basic": (401, 'WWW-Authenticate: Basic realm="http://TRAP/"'),
    "407 of a proxy": (407, 'Proxy-Authenticate: Basic realm="x"'),
    "426 upgrade": (426, "Upgrade: h2c"),
}


@pytest.mark.parametrize("keep", [False, True], ids=["new connection", "kept connection"])
@pytest.mark.parametrize(("status", "line"), REDIRECTS.values(), ids=REDIRECTS)
async def test_no_answer_sends_the_checker_anywhere_else(
    status: int, line: str, keep: bool
) -> None:
    async with answering(head(200)) as trap:
        told = head(status, line.replace("TRAP", f"{LOOPBACK}:{trap.port}"))
        async with answering(told, keep=keep) as server:
            peer = Peer(LOOPBACK, keep_alive=keep)
            answer = await http.ask(peer, server.port, GET, timeout=TIMEOUT)
            assert (answer.outcome, answer.status) == (Outcome.ANSWERED, status)
            assert len(server.said) == 1, "asked once: no second try with credentials either"
        assert trap.said == []


# Proxies of the environment

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy", "HTTP_PROXY", "ALL_PROXY")


@pytest.mark.parametrize("epoll", [True, False])
@pytest.mark.parametrize("variable", PROXIES)
async def test_proxies_of_the_environment_are_not_used(
    monkeypatch: pytest.MonkeyPatch, variable: str, epoll: bool
) -> None:
    monkeypatch.setattr(sockets, "SUPPORTED", epoll and sockets.SUPPORTED)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    async with answering(head(200)) as trap, answering(head(204)) as server:
        monkeypatch.setenv(variable, f"http://{LOOPBACK}:{trap.port}")
        answer = await transports.ask(Peer(LOOPBACK), server.port, GET, timeout=TIMEOUT)
        assert answer.status == 204
        request = Request("/grpc.health.v1.Health/Check", grpc=True)
        await transports.ask(Peer(LOOPBACK), server.port, request, timeout=TIMEOUT)
        assert trap.said == []


# Host


async def test_the_host_that_a_server_is_called_by_is_the_address_that_is_asked() -> None:
    async with answering(head(200)) as server:
        await http.ask(Peer(LOOPBACK), server.port, GET, timeout=TIMEOUT)
        assert _lines(server, b"host:") == [b"Host: 127.0.0.1:%d" % server.port]


ABSOLUTE = [
    "//evil.example/",
    "///evil.example/",
    "/@evil.example/",
    "/http://evil.example/",
    "/%2f%2fevil.example",
    "/../../evil",
    "/..;/evil",
    "/\\evil.example",
    "/x?url=http://169.254.169.254/",
    "/x#@evil.example",
]


@pytest.mark.parametrize("path", ABSOLUTE)
async def test_no_path_changes_whom_a_request_goes_to(path: str) -> None:
    async with answering(head(200)) as server:
        await http.ask(Peer(LOOPBACK), server.port, Request(path), timeout=TIMEOUT)
        first, _, _ = server.said[0].partition(b"\r\n")
        assert first == b"GET %s HTTP/1.1" % path.encode()
        assert _lines(server, b"host:") == [b"Host: 127.0.0.1:%d" % server.port]


def _lines(heard: Heard, name: bytes) -> list[bytes]:
    return [line for line in heard.said[0].split(b"\r\n") if line.lower().startswith(name)]


async def test_nothing_of_the_checkers_own_credentials_goes_to_a_pod() -> None:
    """CVE-2026-41323 Kyverno: a token that was attached to every request."""
    async with answering(head(200)) as server:
        await http.ask(Peer(LOOPBACK), server.port, GET, timeout=TIMEOUT)
        for name in (b"authorization:", b"cookie:", b"proxy-authorization:", b"x-"):
            assert _lines(server, name) == []
