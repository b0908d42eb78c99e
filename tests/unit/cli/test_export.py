"""`ihp export` as a user types it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.unit.cli.test_check import ASR, serving

EXAMPLE = Path(__file__).parents[3] / "examples" / "workloads" / "triton.yaml"


def export(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "inferencehealth.cli", "export", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_a_profile_alone_is_enough() -> None:
    done = export("uptime", "--profile", "asr", "--host", "asr.example.com", "--port", "80")
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(done.stdout)["url"] == "http://asr.example.com:80/health"


def test_a_manifest_is_read_as_the_operator_would() -> None:
    done = export("lb", "-f", str(EXAMPLE))
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(done.stdout)["port"] == 8000


def test_what_a_server_does_not_have_is_told_by_one_line_and_a_code() -> None:
    done = export("prometheus", "--profile", "asr")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no metrics format" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_step_of_a_pipeline_is_a_command_that_works() -> None:
    with serving(ASR) as url:
        port = url.rpartition(":")[2]
        done = export("github", "--profile", "asr", "--host", "localhost", "--port", port)
        (step,) = yaml.safe_load(done.stdout)
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        ran = subprocess.run(
            ["bash", "-e", "-c", step["run"]],
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("lb",), "give a workload, --profile or -f"),
        (("lb", "--profile", "asr", "-f", str(EXAMPLE)), "give a workload, --profile or -f"),
        (("lb", "--profile", "nope"), "no 'nope'. Give one of: triton"),
        (("lb", "--profile", "custom"), "no 'custom'"),
        (("lb", "--profile", "grpc"), "give --port"),
        (("lb", "deployment/x", "--port", "1"), "go with --profile"),
        (("nope", "--profile", "asr"), "'nope' is not one of"),
        (("lb", "-f", "/nowhere"), "/nowhere does not exist"),
    ],
)
def test_wrong_usage_is_told_with_the_remedy(words: tuple[str, ...], said: str) -> None:
    done = export(*words)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr
