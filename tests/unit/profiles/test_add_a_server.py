"""The example in docs/add-a-server.md is a profile that works, and its table is true."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from inferencehealth.profiles.profile import Asked, Profile
from tests.unit.profiles.given import a_container, answered, round_of, spec, with_args

TEXT = (Path(__file__).parents[3] / "docs" / "add-a-server.md").read_text()


@pytest.fixture
def example() -> Profile:
    [code] = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    written: dict[str, Any] = {}
    exec(code, written)  # noqa: S102
    profile = written["MARLIN"]
    assert isinstance(profile, Profile)
    return profile


def rows() -> list[tuple[int, bytes, str]]:
    found = re.findall(r"^\| (\d+) \| `?(.*?)`? \| (\w+) \|$", TEXT, re.MULTILINE)
    return [(int(status), body.strip().encode(), sign) for status, body, sign in found]


def test_the_page_is_short() -> None:
    assert len(TEXT.splitlines()) < 60


def test_its_table_has_rows() -> None:
    states = [json.loads(body).get("state") for _, body, _ in rows()]
    assert states == ["serving", "loading", None]


@pytest.mark.parametrize(("status", "body", "sign"), rows())
def test_each_row_of_its_table_is_read_as_it_says(
    example: Profile, status: int, body: bytes, sign: str
) -> None:
    reading = round_of(example, spec("triton"), {"health": answered(status, body)})
    assert reading.sign.value == sign


def test_it_recognises_its_server_alone(example: Profile) -> None:
    assert example.detect(a_container("registry.test/marlin/server:1.4"))
    assert example.detect(a_container("nginx:1")) is None
    assert example.port(with_args("--port=9000")) == 9000
    assert example.handlers(Asked(port=8300)).liveness["httpGet"]["path"] == "/healthz"
