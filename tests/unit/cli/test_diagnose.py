"""`ihp diagnose URL` against little servers that fail as real ones do."""

import http.server
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import typer

from inferencehealth.cli.check import Output, Question
from inferencehealth.cli.diagnose import diagnose_target
from inferencehealth.cli.facts.cluster import Place
from tests.unit.checks.certificates import server_context, signed_by

QUICK = 0.5
HEALTHY = {"status": "healthy", "components": {"api_server": "healthy", "lightning_asr": "healthy"}}
Answer = Callable[[http.server.BaseHTTPRequestHandler], tuple[int, str]]


@pytest.fixture(autouse=True)
def _nothing_at_the_usual_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else runs on this machine."""
    monkeypatch.setattr("inferencehealth.cli.facts.url.usual_port", lambda _: None)


@contextmanager
def serving(answer: Answer, context: ssl.SSLContext | None = None) -> Iterator[str]:
    """A server that answers every GET so; gives host and port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answer(self)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def always(status: int, document: object) -> Answer:
    return lambda _: (status, json.dumps(document))


def diagnose(
    capsys: pytest.CaptureFixture[str], url: str, profile: str = "asr", **more: Any
) -> tuple[int, dict[str, Any]]:
    question = Question(profile=profile, timeout=QUICK, **more)
    code = diagnose_target(url, question, Place(None, ""), Output.JSON)
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, found


def test_a_server_that_serves(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(always(200, HEALTHY)) as place:
        code, found = diagnose(capsys, f"http://{place}")
    assert (code, found["cause"], found["verdict"]) == (0, "Nothing", "Ready")


def test_a_component_that_is_down(capsys: pytest.CaptureFixture[str]) -> None:
    sick = {"status": "unhealthy", "components": {"api_server": "healthy", "lightning_asr": "down"}}
    with serving(always(503, sick)) as place:
        code, found = diagnose(capsys, f"http://{place}")
    assert (code, found["cause"]) == (1, "Component")
    assert "lightning_asr" in found["message"]


def test_a_model_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    listed = {"object": "list", "data": [{"id": "other", "object": "model"}]}
    with serving(always(200, listed)) as place:
        code, found = diagnose(capsys, f"http://{place}", "vllm", models=("llama",))
    assert (code, found["cause"]) == (1, "Model")
    assert "llama" in found["message"]


def test_a_slow_server_is_told_from_a_hung_one(capsys: pytest.CaptureFixture[str]) -> None:
    over, asked = threading.Event(), threading.Event()

    def slowly(_: object) -> tuple[int, str]:
        # The first request is never answered in time, the patient one is.
        if not asked.is_set():
            asked.set()
            over.wait()
        return 200, json.dumps(HEALTHY)

    with serving(slowly) as place:
        code, found = diagnose(capsys, f"http://{place}")
        over.set()
    assert (code, found["cause"]) == (3, "SlowAnswer")
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        code, found = diagnose(capsys, f"http://127.0.0.1:{deaf.getsockname()[1]}")
    assert (code, found["cause"]) == (1, "Hung")


def test_nobody_listens(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        code, found = diagnose(capsys, f"http://127.0.0.1:{free.getsockname()[1]}")
    assert (code, found["cause"]) == (1, "NotListening")


def test_the_usual_port_listens_where_the_given_one_does_not(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(always(200, HEALTHY)) as place, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        usual = int(place.rpartition(":")[2])
        monkeypatch.setattr("inferencehealth.cli.facts.url.usual_port", lambda _: usual)
        code, found = diagnose(capsys, f"http://127.0.0.1:{free.getsockname()[1]}")
    assert (code, found["cause"]) == (1, "WrongPort")
    assert f"{usual} (the usual one of asr) listens" in found["message"]


def test_a_name_that_does_not_resolve(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = diagnose(capsys, "http://no-such-host.invalid:7100")
    assert (code, found["cause"]) == (4, "Dns")


def test_a_certificate_that_is_not_trusted(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    context = server_context(signed_by(None, "localhost"), tmp_path)
    with serving(always(200, HEALTHY), context) as place:
        code, found = diagnose(capsys, f"https://{place}")
    assert (code, found["cause"]) == (4, "Tls")


def test_tls_where_plain_http_is_asked_and_the_reverse(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    context = server_context(signed_by(None, "localhost"), tmp_path)
    with serving(always(200, HEALTHY), context) as place:
        code, found = diagnose(capsys, f"http://{place}")
    assert (code, found["cause"]) == (4, "NotHttp")
    assert "it speaks TLS" in found["message"]
    with serving(always(200, HEALTHY)) as place:
        code, found = diagnose(capsys, f"https://{place}")
    assert (code, found["cause"]) == (4, "Tls")
    assert "it speaks plain HTTP" in found["message"]


def test_something_that_is_no_http(capsys: pytest.CaptureFixture[str]) -> None:
    def babble(listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
                connection.recv(1024)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=babble, args=(listening,), daemon=True).start()
        code, found = diagnose(capsys, f"http://127.0.0.1:{listening.getsockname()[1]}")
        listening.shutdown(socket.SHUT_RDWR)
    assert (code, found["cause"]) == (1, "NotHttp")


def test_a_server_that_demands_credentials(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(always(401, {})) as place:
        code, found = diagnose(capsys, f"http://{place}", "vllm")
    assert (code, found["cause"]) == (4, "AccessDenied")


def test_people_read_marks_and_words_and_no_colours_in_a_pipe(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with serving(always(503, {"status": "unhealthy", "reason": "No ASR workers available"})) as p:
        question = Question(profile="asr", timeout=QUICK)
        diagnose_target(f"http://{p}", question, Place(None, ""), Output.TEXT)
    told = capsys.readouterr().out
    assert "✓ good" in told
    assert "✗ bad" in told
    assert "cause: Component: component lightning_asr is down: No ASR workers" in told
    assert "\x1b" not in told


def test_a_profile_goes_with_a_url_only() -> None:
    with pytest.raises(typer.BadParameter, match="goes with a URL"):
        diagnose_target("pod/x", Question(profile="asr"), Place(None, ""), Output.JSON)


def test_a_url_needs_a_profile() -> None:
    with pytest.raises(typer.BadParameter, match="which server is it"):
        diagnose_target("http://localhost:1", Question(profile=""), Place(None, ""), Output.JSON)
