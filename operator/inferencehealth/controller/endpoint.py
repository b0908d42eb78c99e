"""Answers /health/NAMESPACE/POLICY for load balancers and uptime monitors, from the board.

Nothing is asked and nothing made for a request: the page stands ready. While this controller does
not hear the API server it says so instead, because then a page may be older than the truth.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web

from inferencehealth.controller.board import Board
from inferencehealth.controller.pages import Page, refusal
from inferencehealth.listening import CannotListen

ROUTE: Final = "/health/{namespace}/{policy}"
MAX_DEAF: Final = 30.0
"""Seconds without the API server after which no page counts: more than any watch takes to renew."""

MAX_DOUBT: Final = 150.0
"""Seconds of failed runs after which a page does not count: the longest wait for another try, more
than twice."""


@dataclass(slots=True)
class TokenFile:
    """The token that callers have to send, read again whenever the file changes."""

    path: Path
    _stamp: tuple[int, int] | None = None
    _token: bytes = b""

    def token(self) -> bytes:
        """The token now; raises CannotListen where the file can't be read or is empty."""
        try:
            found = self.path.stat()
            stamp = (found.st_mtime_ns, found.st_ino)
            if stamp != self._stamp:
                self._token, self._stamp = self.path.read_bytes().strip(), stamp
        except OSError as error:
            raise CannotListen(f"the token file cannot be read: {error}") from error
        if not self._token:
            raise CannotListen(f"{self.path} is empty; write a token into it")
        return self._token

    def admits(self, authorization: str) -> bool:
        """Whether that header carries the token; compared in constant time."""
        scheme, _, sent = authorization.partition(" ")
        try:
            token = self.token()
        except CannotListen:
            return False
        same = hmac.compare_digest(sent.strip().encode("utf-8", "surrogateescape"), token)
        return scheme.lower() == "bearer" and same


def answer(board: Board, deaf: float, namespace: str, policy: str) -> Page:
    """The page about a policy. `deaf`: seconds for which the API server was not heard."""
    found = board.get((namespace, policy))
    if deaf > MAX_DEAF:
        return refusal(503, f"the controller has not heard the API server for {deaf:.0f} s")
    if found is not None and (doubted := board.doubted((namespace, policy))) > MAX_DOUBT:
        why = f"the controller has failed to look at the namespace for {doubted:.0f} s"
        return refusal(503, why)
    if found is not None:
        return found.page
    if board.awaits((namespace, policy)):
        return refusal(503, "the controller has just started and did not look yet")
    return refusal(404, "there is no such policy")


def health_route(
    board: Board, deaf: Callable[[], float], token: TokenFile | None
) -> web.AbstractRouteDef:
    """The route to serve; with a token file, only for who sends its token."""

    async def handle(request: web.Request) -> web.Response:
        if token is not None and not token.admits(request.headers.get("Authorization", "")):
            page = refusal(401, "send the token as Authorization: Bearer")
            return _response(page.code, page.brief, {"WWW-Authenticate": "Bearer"})
        where = request.match_info
        page = answer(board, deaf(), where["namespace"], where["policy"])
        detailed = request.query.get("detailed") == "true"
        return _response(page.code, page.detailed if detailed else page.brief, {})

    return web.get(ROUTE, handle)


def _response(code: int, body: bytes, headers: dict[str, str]) -> web.Response:
    return web.Response(
        status=code,
        body=body,
        headers={"Content-Type": "application/json", "Cache-Control": "no-store", **headers},
    )
