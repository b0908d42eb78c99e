"""What `ihp controller` refuses before it starts."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from inferencehealth.cli.main import app


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--listen", "nowhere"], "write HOST:PORT or :PORT"),
        (["--health-token-file", "token"], "it needs --listen"),
    ],
)
def test_options_that_cannot_work_are_named(words: list[str], told: str, tmp_path: Path) -> None:
    found = CliRunner().invoke(
        app, ["controller", "--kubeconfig", str(tmp_path / "none"), *words], env={"COLUMNS": "200"}
    )
    assert found.exit_code == 2
    assert told in found.output
