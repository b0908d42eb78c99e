"""What programs serve: numbers, and whether they live and are ready."""

import aiohttp
import pytest

from inferencehealth.listening import Address, CannotListen, address
from inferencehealth.serving import serving


async def asked(port: int, path: str) -> tuple[int, str, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}{path}") as answer,
    ):
        return answer.status, answer.headers["Content-Type"], await answer.text()


async def test_numbers_and_states_are_served() -> None:
    trouble = ""
    async with serving(
        Address("127.0.0.1", 0), metrics=lambda: b"a 1\n", live=lambda: "", ready=lambda: trouble
    ) as port:
        kind = "text/plain; version=0.0.4; charset=utf-8"
        assert await asked(port, "/metrics") == (200, kind, "a 1\n")
        assert (await asked(port, "/livez"))[::2] == (200, "ok\n")
        assert (await asked(port, "/readyz"))[::2] == (200, "ok\n")
        trouble = "not synced"
        assert (await asked(port, "/readyz"))[::2] == (503, "not synced\n")
        assert (await asked(port, "/livez"))[0] == 200
        assert (await asked(port, "/"))[0] == 404


async def test_an_address_in_use_is_told_with_a_remedy() -> None:
    parts = {"metrics": lambda: b"", "live": lambda: "", "ready": lambda: ""}
    async with serving(Address("127.0.0.1", 0), **parts) as port:  # type: ignore[arg-type]
        with pytest.raises(CannotListen, match=f"127.0.0.1:{port}.*choose another --listen"):
            async with serving(Address("127.0.0.1", port), **parts):  # type: ignore[arg-type]
                pass


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (":9080", Address("", 9080)),
        ("127.0.0.1:9080", Address("127.0.0.1", 9080)),
        ("[::1]:9080", Address("::1", 9080)),
        ("localhost:0", Address("localhost", 0)),
    ],
)
def test_an_address_is_read(text: str, expected: Address) -> None:
    assert address(text) == expected


@pytest.mark.parametrize(
    "text", ["", "9080", "localhost", "a:b", ":99999", ":-1", "http://a:1", ":80/x", "[::1:80"]
)
def test_what_is_no_address_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="write HOST:PORT or :PORT"):
        address(text)
