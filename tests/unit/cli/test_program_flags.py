"""What the operator's own programs make of their flags."""

import asyncio
from typing import Any

import pytest
from typer.testing import CliRunner

from inferencehealth.checker import main as checker
from inferencehealth.cli import preflight, supervise
from inferencehealth.cli.main import app


@pytest.mark.parametrize(("words", "canaries"), [((), True), (("--no-canaries",), False)])
def test_one_flag_of_a_checker_turns_all_canaries_off(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], *, canaries: bool
) -> None:
    told: list[checker.CheckerSettings] = []

    def run(settings: checker.CheckerSettings) -> int:
        told.append(settings)
        return 0

    monkeypatch.setattr(checker, "run_checker", run)
    assert CliRunner().invoke(app, ["checker", *words]).exit_code == 0
    assert [settings.canaries for settings in told] == [canaries]


def test_the_flag_reaches_the_checker_that_run_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[list[str]] = []

    async def check(*_: Any, **__: Any) -> None:
        await asyncio.sleep(0)

    def run(_arguments: list[str], checking: list[str]) -> int:
        told.append(checking)
        return 0

    monkeypatch.setattr(preflight, "check", check)
    monkeypatch.setattr(supervise, "run", run)
    assert CliRunner().invoke(app, ["run", "--no-canaries"]).exit_code == 0
    assert CliRunner().invoke(app, ["run"]).exit_code == 0
    assert [words[-1] for words in told] == ["--no-canaries", "auto"]
