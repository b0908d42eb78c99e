"""The command as a user types it: every mistake is one line that names it, and exit code 2."""

import subprocess
import sys
from pathlib import Path

import pytest

DEAD = """
apiVersion: v1
kind: Config
clusters: [{name: a, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: a, user: {token: x}}]
contexts: [{name: a, context: {cluster: a, user: a}}]
current-context: a
"""


def ihp(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "inferencehealth.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_the_help_names_every_command() -> None:
    shown = ihp("--help")
    assert shown.returncode == 0
    for command in ("run", "controller", "checker", "detect", "render", "lint", "version"):
        assert command in shown.stdout


def test_a_kubeconfig_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "nope"
    said = ihp("run", "--kubeconfig", str(missing))
    assert said.returncode == 2
    assert str(missing) in said.stderr
    assert "Traceback" not in said.stderr
    assert len(said.stderr.splitlines()) == 1


def test_an_address_that_is_none_is_named() -> None:
    said = ihp("checker", "--listen", "nonsense")
    assert said.returncode == 2
    assert "'nonsense' is no address to listen on" in said.stderr


@pytest.mark.parametrize("program", ["run", "checker"])
def test_rubbish_for_a_kubeconfig_is_one_line(tmp_path: Path, program: str) -> None:
    rubbish = tmp_path / "kubeconfig"
    rubbish.write_text("{[")
    said = ihp(program, "--kubeconfig", str(rubbish))
    assert said.returncode == 2
    assert "Traceback" not in said.stderr
    assert str(rubbish) in said.stderr


def test_a_cluster_that_does_not_answer_is_named_with_its_context(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(DEAD)
    said = ihp("run", "--kubeconfig", str(kubeconfig))
    assert said.returncode == 2
    assert "https://127.0.0.1:1 (context a of" in said.stderr
    assert "Traceback" not in said.stderr
