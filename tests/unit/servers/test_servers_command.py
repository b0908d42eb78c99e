"""`python -m e2e.servers build` and `install` as a person types them."""

from pathlib import Path

import pytest

from e2e.servers import __main__ as command
from e2e.servers import programs
from e2e.servers.prerequisites import ServerUnavailableError


@pytest.mark.parametrize(
    ("words", "built"),
    [(["build"], ["one", "two"]), (["build", "all"], ["one", "two"]), (["build", "two"], ["two"])],
)
def test_without_a_name_every_image_is_built(
    words: list[str],
    built: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(command, "IMAGES", {"one": lambda: Path("1"), "two": lambda: Path("2")})
    assert command.main(words) == 0
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == built


def test_a_server_that_cannot_be_had_is_named_and_the_others_are_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def absent() -> Path:
        raise ServerUnavailableError("c++ not found on this machine.")

    monkeypatch.setattr(programs, "PROGRAMS", {"one": absent, "two": lambda: Path("2")})
    assert command.main(["install"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told == ["one: cannot be had here: c++ not found on this machine.", "two: is there"]
