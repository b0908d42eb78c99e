"""`ihp wait` for a URL as a pipeline uses it, and its patience."""

import asyncio
import json
import socket
import subprocess
import sys

import pytest

from inferencehealth.cli.wait import Patience, persist
from inferencehealth.status.goals import Sight
from tests.unit.cli.test_check import ASR, serving

NOT_YET = Sight(False, "Loading", "ModelLoading", "llama loads")
THERE = Sight(True, "Ready", "Serving", "")


def wait(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "inferencehealth.cli", "wait", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_a_server_that_serves_is_reached_at_the_first_try() -> None:
    with serving(ASR) as url:
        done = wait(url, "--profile", "asr")
    assert (done.returncode, done.stdout) == (0, f"{url}: Ready Serving\n"), done.stderr
    assert done.stderr == ""


def test_a_server_that_never_comes_is_told_with_the_last_answer_and_the_next_command() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        done = wait(url, "--profile", "asr", "--tries", "2", "--interval", "10ms", "-o", "json")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert (found["reached"], found["tries"], found["state"]) == (False, 2, "Broken")
    assert "try 1 of 2: Broken ConnectionRefused" in done.stderr
    assert "is not Ready after 0 s and 2 tries" in done.stderr
    assert f"next: ihp diagnose {url} --profile asr" in done.stderr


def test_a_loading_server_past_the_time_is_told_to_need_more_of_it() -> None:
    loading = (503, '{"error":{"message":"Loading model","code":503}}')
    with serving({"/health": loading, "/v1/models": loading}) as url:
        done = wait(url, "--profile", "llamacpp", "--timeout", "10ms")
        meant = wait(url, "--profile", "llamacpp", "--for", "Loading", "--tries", "1")
    assert done.returncode == 1
    assert "raise --tries or --timeout" in done.stderr
    assert meant.returncode == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("http://localhost:1",), "which server is it?"),
        (("http://localhost:1", "--profile", "asr", "--for", "Happy"), "give one of: Ready"),
        (("http://localhost:1", "--profile", "asr", "--interval", "x"), "is no duration"),
        (("http://localhost:1", "--profile", "asr", "--tries", "0"), "greater than or equal to 1"),
        (("https://localhost:1", "--profile", "asr", "--ca-file", "/nowhere"), "/nowhere"),
        (("pod/x",), "write deployment/NAME, statefulset/NAME or lws/NAME"),
        (("policy", "--for", "Asleep"), "give one of: Ready, ProbesInjected"),
    ],
)
def test_wrong_usage_is_told_with_the_remedy(words: tuple[str, ...], said: str) -> None:
    done = wait(*words)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr


async def test_it_stops_after_the_tries_and_says_the_same_but_once_a_try(
    capsys: pytest.CaptureFixture[str],
) -> None:
    looks = iter([NOT_YET, NOT_YET, NOT_YET])

    async def look() -> Sight:
        return next(looks)

    ended = await persist(look, Patience(3, 0.0, None))
    assert (ended.sight, ended.tries) == (NOT_YET, 3)
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "ihp: try 1 of 3: Loading ModelLoading: llama loads"
    assert len(said) == 3


async def test_a_change_is_looked_at_before_the_next_try_is_due() -> None:
    changed = asyncio.Event()
    looks = iter([NOT_YET, THERE])

    async def look() -> Sight:
        changed.set()
        return next(looks)

    ended = await persist(look, Patience(30, 3600.0, None), changed)
    assert (ended.sight.reached, ended.tries) == (True, 1)


async def test_the_timeout_ends_it_whatever_tries_are_left() -> None:
    async def look() -> Sight:
        return NOT_YET

    ended = await persist(look, Patience(None, 3600.0, 0.0))
    assert (ended.sight.reached, ended.tries) == (False, 1)
