"""`ihp check` as a user types it, against little servers that answer as the real ones do."""

import http.server
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

Answers = Mapping[str, tuple[int, str]]

HEALTHY = {
    "status": "healthy",
    "components": {
        "api_server": "healthy",
        "lightning_asr": "healthy",
        "license_proxy": "healthy",
        "redis": "healthy",
    },
}
NO_WORKERS = {"status": "unhealthy", "reason": "No ASR workers available"}
ASR: Answers = {
    "/health": (200, '{"status":"healthy"}'),
    "/health?detailed=true": (200, json.dumps(HEALTHY)),
}


@contextmanager
def serving(answers: Answers, heard: list[str] | None = None) -> Iterator[str]:
    """A server that knows these paths; gives its address, and tells by what host it was called."""
    heard = [] if heard is None else heard

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.headers["Host"])
            status, body = answers.get(self.path, (404, ""))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://localhost:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def check(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "inferencehealth.cli", "check", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_a_server_that_serves_is_ready_with_all_that_was_asked() -> None:
    with serving(ASR) as url:
        done = check(url, "--profile", "asr", "-o", "json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["verdict"], found["target"]) == ("Ready", url)
    assert found["steps"][0]["status"] == 200
    assert found["latency"] > 0
    assert {c["name"]: c["state"] for c in found["components"]} == dict.fromkeys(
        ("api_server", "lightning_asr", "license_proxy", "redis"), "Serves"
    )


def test_a_server_that_says_why_it_does_not_serve_is_broken() -> None:
    body = json.dumps(NO_WORKERS)
    answers = dict.fromkeys(ASR, (503, body))
    with serving(answers) as url:
        done = check(url, "--profile", "asr", "-o", "json")
    assert done.returncode == 1, done.stdout
    assert json.loads(done.stdout)["verdict"] == "Broken"


def test_a_server_that_says_it_loads_is_loading() -> None:
    loading = (503, '{"error":{"message":"Loading model","code":503}}')
    with serving({"/health": loading, "/v1/models": loading}) as url:
        done = check(url, "--profile", "llamacpp", "-o", "json")
    assert done.returncode == 3, done.stdout
    assert json.loads(done.stdout)["verdict"] == "Loading"


def test_a_missing_model_breaks_a_server_that_answers() -> None:
    models = (200, '{"object":"list","data":[{"id":"other","object":"model"}]}')
    with serving({"/health": (200, ""), "/v1/models": models}) as url:
        done = check(url, "--profile", "vllm", "--model", "llama")
    assert done.returncode == 1
    assert "model llama: Fails" in done.stdout


def test_where_nobody_listens_the_server_is_broken_and_the_step_says_so() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        done = check(f"http://127.0.0.1:{port}", "--profile", "triton")
    assert done.returncode == 1
    assert "ConnectionRefused" in done.stdout
    assert "Refused" in done.stdout.splitlines()[2]


def test_a_server_that_does_not_let_us_in_is_unknown() -> None:
    with serving(dict.fromkeys(("/health", "/v1/models"), (401, ""))) as url:
        done = check(url, "--profile", "vllm", "-o", "yaml")
    assert done.returncode == 4
    assert "verdict: Unknown" in done.stdout


def test_a_server_is_called_by_the_name_that_was_typed() -> None:
    heard: list[str] = []
    with serving(ASR, heard) as url:
        check(url, "--profile", "asr")
        check(url.replace("localhost", "127.0.0.1"), "--profile", "asr")
    port = url.rpartition(":")[2]
    assert set(heard) == {f"localhost:{port}", f"127.0.0.1:{port}"}


def test_a_ready_server_is_not_said_to_infer() -> None:
    with serving(ASR) as url:
        done = check(url, "--profile", "asr")
    assert "was not asked to infer" in done.stdout
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("triton",), "write http://HOST:PORT"),
        (("replicaset/triton",), "write a URL, pod/NAME, deployment/NAME"),
        (("pod/triton", "--profile", "asr"), "these options are for URLs"),
        (("http://localhost:1",), "which server is it?"),
        (("http://localhost:1", "--profile", "nope"), "no 'nope'"),
        (("localhost:1", "--profile", "asr"), "write http://HOST:PORT"),
        (("http://localhost:1/health", "--profile", "asr"), "the profile knows the paths"),
        (("http://localhost:99999", "--profile", "asr"), "is no address"),
        (("http://no-such-host.invalid", "--profile", "asr"), "has no address"),
        (("http://localhost:1", "--profile", "asr", "--timeout", "soon"), "is no duration"),
        (("https://localhost:1", "--profile", "asr", "--ca-file", "/nowhere"), "/nowhere"),
    ],
)
def test_wrong_usage_is_told_with_the_remedy(words: tuple[str, ...], said: str) -> None:
    done = check(*words)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr
