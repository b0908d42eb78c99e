"""The building blocks of detection: images, words of commands, flags, ports."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferencehealth.profiles.recognition import (
    Signature,
    expand,
    flag,
    image,
    port_number,
    port_of,
    recognise,
    server_words,
    words,
)
from tests.unit.profiles.given import a_container, ports, with_args

IMAGES = {
    "nvcr.io/nvidia/tritonserver:24.10-py3": (("nvidia", "tritonserver"), "24.10-py3"),
    "nvidia/tritonserver": (("nvidia", "tritonserver"), ""),
    "tritonserver": (("tritonserver",), ""),
    "tritonserver:1": (("tritonserver",), "1"),
    "localhost/a/b:1": (("a", "b"), "1"),
    "reg:5000/a/b:1": (("a", "b"), "1"),
    "reg:5000/b": (("b",), ""),
    "mirror.test/nvcr.io/nvidia/tritonserver:1": (("nvcr.io", "nvidia", "tritonserver"), "1"),
    "a/b@sha256:0123": (("a", "b"), ""),
    "reg.test/a/b:1@sha256:0123": (("a", "b"), "1"),
    "": (("",), ""),
}


@pytest.mark.parametrize(("reference", "parts"), IMAGES.items())
def test_an_image_reference_is_taken_apart(
    reference: str, parts: tuple[tuple[str, ...], str]
) -> None:
    assert (image(reference).path, image(reference).tag) == parts


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("nvidia/tritonserver", True),
        ("tritonserver", True),
        ("*/tritonserver", True),
        ("vidia/tritonserver", False),
        ("triton", False),
        ("a/nvidia/tritonserver", False),
    ],
)
def test_patterns_match_whole_components_from_the_end(pattern: str, matches: bool) -> None:
    assert image("nvcr.io/nvidia/tritonserver:1").ends_with(pattern) is matches


@pytest.mark.parametrize(
    ("word", "expanded"),
    [
        ("$(PORT)", "9000"),
        ("${PORT}", "9000"),
        ("$PORT", "9000"),
        ("--port=$(PORT)", "--port=9000"),
        ("${PORT:-1}", "9000"),
        ("${OTHER:-8000}", "8000"),
        ("${OTHER-8000}", "8000"),
        ("$(OTHER)", "$(OTHER)"),
        ("${OTHER}", "${OTHER}"),
        ("$@", "$@"),
        ("50$", "50$"),
    ],
)
def test_references_to_the_environment_are_followed(word: str, expanded: str) -> None:
    assert expand(word, {"PORT": "9000"}) == expanded


@pytest.mark.parametrize(
    ("given_words", "value"),
    [
        (("--http-port", "8080"), "8080"),
        (("--http-port=8080",), "8080"),
        (("--http_port=8080",), "8080"),
        (("-http-port", "8080"), "8080"),
        (("--http-port=1", "--http-port=2"), "2"),
        (("--http-port",), ""),
        (("--http-port", "--other"), ""),
        (("http-port", "8080"), None),
        (("--http-port-range=1",), None),
        ((), None),
    ],
)
def test_a_flag_is_read_in_every_spelling(given_words: tuple[str, ...], value: str | None) -> None:
    assert flag(given_words, "--http-port") == value


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("8000", 8000),
        ("0", None),
        ("65536", None),
        ("", None),
        ("８０", None),
        ("-1", None),
        ("99999999", None),
        (None, None),
        ("$(PORT)", None),
    ],
)
def test_only_a_port_number_is_one(text: str | None, number: int | None) -> None:
    assert port_number(text) == number


def test_the_port_is_the_flags_before_the_environments_before_the_declared_one() -> None:
    by_flag = with_args("--p=1", env=[{"name": "P", "value": "2"}], ports=ports(3))
    by_env = a_container(env=[{"name": "P", "value": "2"}], ports=ports(3))
    usual = a_container(ports=ports(("http", 9), 3))
    by_name = a_container(ports=ports(("metrics", 8), ("http", 9)))
    nothing = a_container()

    def found(container: object) -> int | None:
        return port_of(container, flags=("--p",), env=("P",), names=("http",), usual=3)  # type: ignore[arg-type]

    assert [found(c) for c in (by_flag, by_env, usual, by_name, nothing)] == [1, 2, 3, 9, 3]


def test_a_port_flag_that_can_not_be_read_is_not_guessed_around() -> None:
    unknown = "--p=$(UNKNOWN)"
    assert port_of(with_args(unknown), flags=("--p",), usual=3) is None
    assert port_of(with_args(unknown, ports=ports(3, 4)), flags=("--p",), usual=3) is None
    assert port_of(with_args(unknown, ports=ports(5)), flags=("--p",), usual=3) == 5


def test_the_only_declared_port_is_the_servers_unless_it_is_known_to_be_another() -> None:
    found = [
        port_of(a_container(ports=ports(only)), usual=3)
        for only in (9, ("anything", 9), ("grpc", 9), ("http-metrics", 9), 8001, 8002, 50051)
    ]
    assert found == [9, 9, 3, 3, 3, 3, 3]


SERVER = Signature(
    images=("vendor/server",),
    familiar=("server",),
    not_tags=("*-sdk",),
    programs=("server",),
    modules=("server",),
    flags=(("--model_name", "--http_port"),),
)


@pytest.mark.parametrize(
    ("raw", "confidence"),
    [
        ({"image": "vendor/server:1"}, 0.9),
        ({"image": "mirror.test/vendor/server:1", "args": ["--x"]}, 0.9),
        ({"image": "vendor/server:1", "command": ["server"]}, 0.99),
        ({"image": "other:1", "command": ["/usr/bin/server"]}, 0.95),
        ({"image": "other:1", "command": ["sh", "-c", "exec server --x"]}, 0.95),
        ({"image": "other:1", "command": ["python3", "-m", "server.main"]}, 0.95),
        ({"image": "vendor/server:1", "command": ["./start.sh"]}, 0.9),
        ({"image": "vendor/server:1", "command": ["sleep", "infinity"]}, None),
        ({"image": "vendor/server:1-sdk", "command": ["server"]}, None),
        ({"image": "other/server:1"}, None),
        ({"image": "other/server:1", "args": ["--model_name=a", "--http_port=1"]}, 0.9),
        ({"image": "other:1", "args": ["--model_name=a", "--http_port=1"]}, 0.7),
        ({"image": "other:1", "args": ["--model_name=a"]}, None),
        ({"image": "", "args": ["--model_name=a", "--http_port=1"]}, None),
        ({"image": "other:1", "args": ["--model-name=a", "--http-port=1"]}, None),
        ({"image": "other:1", "command": ["cp", "/opt/server", "/x"]}, None),
        ({"image": "other:1", "command": ["sh", "-c", "pip install server && run"]}, None),
        ({"image": "other:1", "command": ["python", "-m", "serverless"]}, None),
        ({"image": "other-router:1", "args": ["--model_name=a", "--http_port=1"]}, None),
        ({"image": "vendor/server:1", "command": ["sh", "-c", "sleep infinity"]}, None),
        ({"image": "", "command": []}, None),
    ],
)
def test_a_signature_is_weighed(raw: dict[str, object], confidence: float | None) -> None:
    found = recognise(a_container(**raw), SERVER)  # type: ignore[arg-type]
    assert (found.confidence if found else None) == confidence


@given(st.text(max_size=80), st.lists(st.text(max_size=80), max_size=5))
def test_no_container_makes_recognition_raise(reference: str, argument_list: list[str]) -> None:
    container = a_container(reference, command=argument_list, args=argument_list)
    recognise(container, SERVER)
    port_of(container, flags=("--p",), usual=1)


def test_only_the_flags_of_the_servers_own_command_count() -> None:
    script = "watcher --port 9 & server --port 8 --x $(nproc) --y; server --port 7; tail -f /log"
    container = a_container(command=["bash", "-c", script])
    assert server_words(container, SERVER) == ("server", "--port", "8", "--x", "${?}", "--y")
    assert port_of(container, flags=("--port",), signature=SERVER) == 8
    first, second = server_words(container, SERVER), ("server", "--port", "7")
    assert words(container) == ("watcher", "--port", "9", ";", *first, ";", *second)
