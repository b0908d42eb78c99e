"""`python -m e2e.servers build` as a person types it."""

from pathlib import Path

import pytest

from e2e.servers import __main__ as command


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
