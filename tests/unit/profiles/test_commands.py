"""What a container runs, out of command, arguments and scripts as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferencehealth.profiles.commands import commands
from tests.unit.profiles.given import a_container

SCRIPTS = {
    "one command": ("serve --port=1", [("serve", "--port=1")]),
    "folders and exec": ("cd /opt && exec serve \\\n  --port 1", [("serve", "--port", "1")]),
    "comments": ("# serve is started later\nrun # serve\nserve a#b", [("run",), ("serve", "a#b")]),
    "preparation": (
        "set -e; pip install serve && hf download a; ray start --port=6379\nserve --port 1",
        [("serve", "--port", "1")],
    ),
    "only preparation": ("echo serve; sleep 1", [("echo", "serve"), ("sleep", "1")]),
    "own variables": ("export P=1\nM=a\nserve $M --port ${P}", [("serve", "a", "--port", "1")]),
    "a command in a variable": ('C="serve a --port 1"\neval $C', [("serve", "a", "--port", "1")]),
    "an array": (
        'A=(--port 1 # the port\n  --x "b c")\nA+=(--y)\nserve "${A[@]}" --z',
        [("serve", "--port", "1", "--x", "b c", "--y", "--z")],
    ),
    "environment of one command": ("A=1 B=2 serve", [("serve",)]),
    "a here-document": (
        "cat <<'EOF' > /x.yaml\nbackend: serve\nrun it: (\nEOF\nserve --config /x.yaml",
        [("serve", "--config", "/x.yaml")],
    ),
    "a substitution": ("serve --n $(nproc) --port 1", [("serve", "--n", "${?}", "--port", "1")]),
    "Kubernetes' references": ("serve --port $(P)", [("serve", "--port", "80")]),
    "redirections": ("serve > /log 2>&1", [("serve", "/log"), ("1",)]),
    "branches": (
        'if [ "$X" = a ]; then serve a; else exec serve b; fi',
        [("serve", "a"), ("serve", "b"), ("fi",)],
    ),
    "quotes": ('serve --c \'{"a": "b c"}\'', [("serve", "--c", '{"a": "b c"}')]),
    "a quote that is never closed": ("serve don't", [("serve", "don't")]),
    "a shell in the shell": ("bash -lc 'serve a; run'", [("serve", "a"), ("run",)]),
}


@pytest.mark.parametrize(("script", "expected"), SCRIPTS.values(), ids=SCRIPTS)
def test_a_script_is_taken_apart_into_commands(
    script: str, expected: list[tuple[str, ...]]
) -> None:
    container = a_container(command=["/bin/sh", "-c", script], env=[{"name": "P", "value": "80"}])
    assert [command.words for command in commands(container)] == expected


ARGVS = {
    "shell in the command, script in the arguments": (
        {"command": ["/bin/bash", "-euxo", "pipefail", "-c"], "args": ["serve a"]},
        [("serve", "a")],
    ),
    "shell among the arguments": ({"args": ["bash", "-c", "serve a"]}, [("serve", "a")]),
    "arguments only": ({"args": ["--model", "a b"]}, [("--model", "a b")]),
    "flags and values as one word": (
        {"args": ["--model a/b --port 1", "--x"]},
        [("--model", "a/b", "--port", "1", "--x")],
    ),
    "a script's file": ({"command": ["bash", "/run.sh"]}, [("bash", "/run.sh")]),
    "one word": ({"command": ["serve a --port 1"]}, [("serve", "a", "--port", "1")]),
    "JSON": ({"args": ['{"a": 1}']}, [('{"a": 1}',)]),
    "nothing": ({}, []),
}


@pytest.mark.parametrize(("raw", "expected"), ARGVS.values(), ids=ARGVS)
def test_command_and_arguments_are_one(
    raw: dict[str, list[str]], expected: list[tuple[str, ...]]
) -> None:
    assert [command.words for command in commands(a_container(**raw))] == expected


@pytest.mark.parametrize(
    ("argv", "runs"),
    [
        (["serve", "up"], True),
        (["/usr/local/bin/serve", "up"], True),
        (["tini", "-g", "--", "serve", "up"], True),
        (["mpirun", "-n", "2", "--allow-run-as-root", "serve", "up"], True),
        (["env", "A=1", "serve", "up"], True),
        (["serve", "down"], False),
        (["serve"], False),
        (["run", "serve", "up"], False),
        (["echo", "serve", "up"], False),
    ],
)
def test_a_program_stands_where_a_command_begins(argv: list[str], runs: bool) -> None:
    [command] = commands(a_container(command=argv))
    assert command.runs("serve up") is runs


@pytest.mark.parametrize(
    ("argv", "module"),
    [
        (["python3", "-m", "a.b"], "a.b"),
        (["/opt/venv/bin/python3.11", "-u", "-m", "a.b", "--x"], "a.b"),
        (["torchrun", "--nproc", "2", "-m", "a.b"], "a.b"),
        (["uv", "run", "python", "-m", "a.b"], "a.b"),
        (["serve", "-m", "a.b"], ""),
        (["python3", "a.py"], ""),
    ],
)
def test_a_module_is_what_python_runs(argv: list[str], module: str) -> None:
    [command] = commands(a_container(command=argv))
    assert command.module() == module


@given(st.lists(st.text(max_size=60), max_size=4), st.lists(st.text(max_size=60), max_size=4))
def test_whatever_is_written_nothing_raises(command: list[str], args: list[str]) -> None:
    commands(a_container(command=command, args=args))
    commands(a_container(command=["sh", "-c", " ".join(command)], args=args))
