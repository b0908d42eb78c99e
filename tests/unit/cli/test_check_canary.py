"""`ihp check --canary` against little servers: what is sent, what it finds, what is not sent."""

import http.server
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from inferencehealth.cli.main import app
from tests.unit.cli.test_check import ASR

Answers = Mapping[str, tuple[int, Any]]

MODELS = (200, {"object": "list", "data": [{"id": "llama", "object": "model"}]})
VLLM: Answers = {"/health": (200, {}), "/v1/models": MODELS}
GOOD = (200, {"choices": [{"text": "b"}]})


@contextmanager
def serving(answers: Answers, posted: list[tuple[str, Any]] | None = None) -> Iterator[str]:
    """A server that answers these paths, whatever the method; tells what was posted."""
    heard = [] if posted is None else posted

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answers.get(self.path, (404, {}))
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["Content-Length"]))
            heard.append((self.path, json.loads(sent)))
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def check(url: str, profile: str, *words: str) -> Result:
    """The command in this process; patient, for a busy machine."""
    patient = ("--profile", profile, "--timeout", "120s")
    return CliRunner().invoke(app, ["check", url, *patient, *words])


def asked(url: str, profile: str) -> tuple[int, dict[str, Any]]:
    done = check(url, profile, "--canary", "-o", "json")
    return done.exit_code, json.loads(done.stdout)


def test_an_engine_that_answers_is_ready_and_was_asked_for_one_token() -> None:
    posted: list[tuple[str, Any]] = []
    with serving({**VLLM, "/v1/completions": GOOD}, posted) as url:
        code, found = asked(url, "vllm")
    assert (code, found["verdict"]) == (0, "Ready")
    ((path, body),) = posted
    assert (path, body["model"], body["max_tokens"]) == ("/v1/completions", "llama", 1)
    (canary,) = found["canaries"]
    assert (canary["name"], canary["state"]) == ("llama", "Serves")
    assert any("POST" in step["request"] for step in found["steps"])


def test_an_engine_that_fails_behind_green_endpoints_is_broken() -> None:
    answers = {**VLLM, "/v1/completions": (500, {"error": {"message": "s3cret"}})}
    with serving(answers) as url:
        assert check(url, "vllm").exit_code == 0
        done = check(url, "vllm", "--canary")
    assert done.exit_code == 1
    assert "CanaryFailed" in done.stdout
    assert "canary of model llama: Fails" in done.stdout
    assert "s3cret" not in done.stdout


def test_an_error_under_200_is_one() -> None:
    with serving({**VLLM, "/v1/completions": (200, {"error": {"message": "dead"}})}) as url:
        code, found = asked(url, "vllm")
    assert (code, found["reason"]) == (1, "CanaryFailed")


@pytest.mark.parametrize(("status", "body"), [(429, {}), (401, {})])
def test_a_canary_that_is_not_taken_is_held_against_nobody(status: int, body: Any) -> None:
    with serving({**VLLM, "/v1/completions": (status, body)}) as url:
        code, found = asked(url, "vllm")
    assert code == {429: 3, 401: 4}[status]
    assert found["verdict"] == {429: "Busy", 401: "Unknown"}[status]


def test_where_nobody_knows_a_request_there_is_no_proof() -> None:
    with serving(ASR_JSON) as url:
        code, found = asked(url, "asr")
    assert (code, found["reason"], found["canaries"]) == (4, "CanaryNotBuilt", [])
    assert "give one in a policy's canary" in found["message"]


ASR_JSON: Answers = {path: (status, body.encode()) for path, (status, body) in ASR.items()}


def test_nothing_is_sent_to_a_server_that_does_not_serve() -> None:
    posted: list[tuple[str, Any]] = []
    answers = {**VLLM, "/health": (503, {}), "/v1/completions": GOOD}
    with serving(answers, posted) as url:
        code, _ = asked(url, "vllm")
    assert code != 0
    assert posted == []


def test_without_the_flag_one_line_says_what_was_not_asked() -> None:
    posted: list[tuple[str, Any]] = []
    with serving(VLLM, posted) as url:
        done = check(url, "vllm")
    assert posted == []
    line = "The engine behind the endpoints was not asked to infer anything; --canary asks it."
    assert [row.strip() for row in done.stdout.splitlines()].count(line) == 1
