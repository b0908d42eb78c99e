"""The page's server, asked as a browser asks and as others would."""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from yarl import URL

from inferencehealth.api.policy import Policy
from inferencehealth.api.report import Report
from inferencehealth.dashboard.board import Board
from inferencehealth.dashboard.guard import HEADERS
from inferencehealth.dashboard.server import STATIC, page
from inferencehealth.kube.errors import KubeError
from inferencehealth.listening import CannotListen
from tests.unit.dashboard.given import NOW, Moment, a_board
from tests.unit.status.given import a_pod, a_policy, a_report

TOKEN = "s3cret"
KEY = "ml/deployment/a"


async def advised(report: Report, policy: Policy) -> dict[str, Any]:
    if report.metadata.name.endswith("b"):
        raise KubeError("deployments is forbidden")
    return {"diff": f"+ {policy.metadata.name}", "notes": []}


@pytest.fixture
def board() -> Board:
    return a_board(Moment((a_policy(),), (a_report(a_pod()), a_report(a_pod(), name="b"))))


@pytest.fixture
async def address(board: Board) -> AsyncIterator[str]:
    async with page(board, advised, port=0, token=TOKEN) as found:
        yield found


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as found:
        yield found


async def test_every_file_of_the_page_comes_from_here_with_the_headers(
    address: str, session: aiohttp.ClientSession
) -> None:
    for name in ("", *(path.name for path in STATIC.iterdir())):
        async with session.get(address + name) as answer:
            assert answer.status == 200
            assert {key: answer.headers[key] for key in HEADERS} == dict(HEADERS)


async def test_the_page_asks_nobody_else() -> None:
    for path in STATIC.iterdir():
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert "http:" not in text
        assert "https:" not in text
        assert "innerHTML" not in text


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "", {"Host": "evil.example"}, 421),
        ("POST", "", {}, 405),
        ("PUT", "events", {}, 405),
        ("GET", "nothing", {}, 404),
        ("GET", "../../../etc/passwd", {}, 403),
        ("GET", "%2e%2e/server.py", {}, 403),
        ("GET", "workloads/ml/deployment/none", {}, 404),
        ("GET", "recommendations/ml/deployment/none", {}, 404),
        ("GET", "recommendations/ml/deployment/b", {}, 502),
        ("HEAD", "", {}, 200),
    ],
)
async def test_the_rest_is_refused_with_the_headers_all_the_same(
    *,
    address: str,
    session: aiohttp.ClientSession,
    method: str,
    path: str,
    headers: dict[str, str],
    status: int,
) -> None:
    async with session.request(method, address + path, headers=headers) as answer:
        assert answer.status == status
        assert answer.headers["Content-Security-Policy"] == HEADERS["Content-Security-Policy"]


async def test_without_the_token_nothing_is_told(
    address: str, session: aiohttp.ClientSession
) -> None:
    for path in ("", "events", f"workloads/{KEY}"):
        async with session.get(address.replace(TOKEN, "other") + path) as answer:
            assert answer.status == 403
            assert "ihp dashboard" in await answer.text()


async def test_what_is_asked_for_is_told(address: str, session: aiohttp.ClientSession) -> None:
    async with session.get(f"{address}workloads/{KEY}") as answer:
        assert (await answer.json())["pods"][0]["name"] == "a-1"
    async with session.get(f"{address}recommendations/{KEY}") as answer:
        assert (await answer.json())["diff"] == "+ p"


async def test_changes_come_by_themselves(
    address: str, session: aiohttp.ClientSession, board: Board
) -> None:
    async with session.get(f"{address}events") as stream:
        assert stream.headers["Content-Type"] == "text/event-stream"
        assert (await event(stream))["whole"]
        bad = a_report(a_pod("a-1", "Broken"))
        board.refresh(Moment((a_policy(),), (bad,)), NOW + 1)
        told = await event(stream)
    assert [row["verdict"] for row in told["workloads"]] == ["Broken"]
    assert told["gone"]["workloads"] == ["ml/deployment/b"]


async def event(stream: aiohttp.ClientResponse) -> dict[str, Any]:
    while not (line := await stream.content.readline()).startswith(b"data: "):
        assert line, "the stream ended"
    found: dict[str, Any] = json.loads(line.removeprefix(b"data: "))
    return found


async def test_a_port_in_use_is_told_with_the_remedy(board: Board, address: str) -> None:
    port = URL(address).port
    with pytest.raises(CannotListen, match=f"cannot listen on 127.0.0.1:{port}.*another --port"):
        async with page(board, advised, port=port, token=TOKEN):
            pass
