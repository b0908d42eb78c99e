"""Who gets which answer at /health."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from inferencehealth.api.conditions import Condition, ConditionStatus
from inferencehealth.api.status import PolicyStatus
from inferencehealth.controller.board import Board
from inferencehealth.controller.endpoint import MAX_DEAF, MAX_DOUBT, TokenFile, health_route
from inferencehealth.listening import Address, CannotListen
from inferencehealth.serving import serving

READY = PolicyStatus(
    conditions=(
        Condition(type="Ready", status=ConditionStatus.TRUE, reason="Serving", message="all"),
    )
)


@asynccontextmanager
async def listening(
    board: Board, *, token: TokenFile | None = None, deaf: Callable[[], float] = lambda: 0.0
) -> AsyncIterator[str]:
    async with serving(
        Address("127.0.0.1", 0),
        metrics=lambda: b"",
        live=lambda: "",
        ready=board.waits,
        more=[health_route(board, deaf, token)],
    ) as port:
        yield f"http://127.0.0.1:{port}"


async def asked(
    url: str, method: str = "GET", headers: dict[str, str] | None = None
) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, headers=headers) as answer,
    ):
        return answer.status, await answer.text()


def posted() -> Board:
    board = Board()
    board.expect([("ml", "p"), ("ml", "late")])
    board.post(("ml", "p"), READY, ())
    return board


async def test_a_policy_that_is_ready_is_healthy_in_brief_and_in_detail() -> None:
    async with listening(posted()) as base:
        assert await asked(f"{base}/health/ml/p") == (200, '{"status":"healthy"}')
        code, body = await asked(f"{base}/health/ml/p?detailed=true")
        assert (code, json.loads(body)["components"]) == (200, {})


async def test_head_has_the_status_alone_and_other_methods_are_refused() -> None:
    async with listening(posted()) as base:
        assert await asked(f"{base}/health/ml/p", "HEAD") == (200, "")
        assert await asked(f"{base}/health/ml/late", "HEAD") == (503, "")
        assert (await asked(f"{base}/health/ml/p", "POST"))[0] == 405


async def test_a_policy_that_is_not_there_is_told_from_one_not_looked_at_yet() -> None:
    board = Board()
    async with listening(board) as base:
        assert (await asked(f"{base}/health/ml/p"))[0] == 503
        assert (await asked(f"{base}/readyz"))[0] == 503
        board.expect([("ml", "p"), ("ml", "gone")])
        code, body = await asked(f"{base}/health/ml/other")
        told = {"status": "unhealthy", "reason": "there is no such policy"}
        assert (code, json.loads(body)) == (404, told)
        assert (await asked(f"{base}/health/ml/p"))[0] == 503
        board.keep("ml", ["p"])
        assert (await asked(f"{base}/health/ml/gone"))[0] == 404
        board.post(("ml", "p"), READY, ())
        assert (await asked(f"{base}/readyz"))[0] == 200


async def test_a_policy_that_was_deleted_has_no_page_any_more() -> None:
    board = posted()
    board.post(("other", "p"), READY, ())
    board.keep("ml", [])
    async with listening(board) as base:
        assert (await asked(f"{base}/health/ml/p"))[0] == 404
        assert (await asked(f"{base}/health/other/p"))[0] == 200


async def test_nothing_is_healthy_while_the_api_server_is_not_heard() -> None:
    async with listening(posted(), deaf=lambda: MAX_DEAF + 1) as base:
        code, body = await asked(f"{base}/health/ml/p")
        assert code == 503
        assert "has not heard the API server for 31 s" in body


async def test_a_page_that_failing_runs_do_not_renew_counts_no_more() -> None:
    now = 0.0
    board = Board(clock=lambda: now)
    board.expect([])
    board.post(("ml", "p"), READY, ())
    board.doubt("ml")
    now = MAX_DOUBT
    async with listening(board) as base:
        assert (await asked(f"{base}/health/ml/p"))[0] == 200
        now = MAX_DOUBT + 1
        code, body = await asked(f"{base}/health/ml/p")
        assert code == 503
        assert "has failed to look at the namespace for 151 s" in body
        board.post(("ml", "p"), READY, ())
        assert (await asked(f"{base}/health/ml/p"))[0] == 200, "this run got as far as the policy"
        now = 1000.0
        board.doubt("ml")
        assert (await asked(f"{base}/health/ml/p"))[0] == 503
        board.trust("ml")
        assert (await asked(f"{base}/health/ml/p"))[0] == 200


def test_a_failure_about_one_policy_is_over_when_the_next_run_about_it_succeeds() -> None:
    now = 0.0
    board = Board(clock=lambda: now)
    board.doubt("ml", "p")
    board.doubt("ml", "q")
    now = 200.0
    assert [board.doubted(("ml", name)) for name in ("p", "q", "r")] == [200, 200, 0]
    board.trust("ml", "p")
    assert [board.doubted(("ml", name)) for name in ("p", "q")] == [0, 200]
    board.doubt("ml")
    board.trust("ml", "q")
    now = 300.0
    assert board.doubted(("ml", "q")) == 100, "the whole run still fails"
    board.trust("ml")
    assert board.doubted(("ml", "q")) == 0


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("Bearer right", 200),
        ("bearer right", 200),
        ("Bearer wrong", 401),
        ("Bearer ", 401),
        ("Basic right", 401),
        ("right", 401),
        ("", 401),
    ],
)
async def test_with_a_token_file_only_its_token_opens(
    tmp_path: Path, header: str, code: int
) -> None:
    file = tmp_path / "token"
    file.write_text("right\n")
    async with listening(posted(), token=TokenFile(file)) as base:
        headers = {"Authorization": header} if header else {}
        assert (await asked(f"{base}/health/ml/p", headers=headers))[0] == code
        assert (await asked(f"{base}/readyz"))[0] == 503, "the state of the program needs no token"


async def test_a_token_that_was_replaced_opens_no_more(tmp_path: Path) -> None:
    file, new = tmp_path / "token", tmp_path / "new"
    file.write_text("old")
    token = TokenFile(file)
    assert token.admits("Bearer old")
    new.write_text("new")
    new.rename(file)
    assert token.admits("Bearer new")
    assert not token.admits("Bearer old")
    file.unlink()
    assert not token.admits("Bearer new")


def test_an_empty_token_file_is_named_and_opens_nothing(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("\n")
    assert not TokenFile(file).admits("Bearer ")
    with pytest.raises(CannotListen, match="is empty; write a token into it"):
        TokenFile(file).token()
