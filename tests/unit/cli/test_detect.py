"""`ihp detect` as a user types it: rows on standard output, trouble on standard error."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

KEYS = [
    *("kind", "name", "namespace", "profile", "container", "port", "models"),
    *("confidence", "reason", "source"),
]


def manifest(name: str, image: str, *args: str) -> str:
    server = {"name": "server", "image": image, "args": list(args)}
    return yaml.safe_dump(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "namespace": "ml"},
            "spec": {"template": {"spec": {"containers": [server]}}},
        }
    )


TRITON = manifest("triton", "nvcr.io/nvidia/tritonserver:24.10-py3")
WEB = manifest("web", "nginx:1")
TEMPLATE = TRITON.replace("nvcr.io", "{{ .Values.registry }}")


def detect(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "inferencehealth.cli", "detect", *words]
    return subprocess.run(
        command, input=stdin, capture_output=True, text=True, check=False, timeout=60
    )


def test_every_workload_is_one_object_with_the_same_keys(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(f"{TRITON}---\n{WEB}")
    said = detect("-f", str(file), "-o", "json")
    assert said.returncode == 0, said.stderr
    triton, web = json.loads(said.stdout)
    assert list(triton) == list(web) == KEYS
    assert (triton["kind"], triton["name"], triton["namespace"]) == ("Deployment", "triton", "ml")
    assert (triton["profile"], triton["container"], triton["port"]) == ("triton", "server", 8000)
    assert (triton["models"], triton["source"]) == ([], str(file))
    assert 0.5 < triton["confidence"] <= 1
    assert "tritonserver" in triton["reason"]
    assert [web[key] for key in ("profile", "container", "port", "models")] == [
        None,
        None,
        None,
        [],
    ]
    assert web["confidence"] == 0


def test_yaml_says_the_same_as_json() -> None:
    as_json = json.loads(detect("-f", "-", "-o", "json", stdin=TRITON).stdout)
    assert yaml.safe_load(detect("-f", "-", "-o", "yaml", stdin=TRITON).stdout) == as_json
    assert as_json[0]["source"] == "-"


def test_the_table_has_no_colours_in_a_pipe_and_a_line_for_each_workload() -> None:
    said = detect("-f", "-", stdin=f"{TRITON}---\n{WEB}")
    assert "\x1b" not in said.stdout
    head, triton, web = said.stdout.splitlines()
    assert head.split()[:2] == ["WORKLOAD", "PROFILE"]
    assert triton.split()[:4] == ["deployment/ml/triton", "triton", "server", "8000"]
    assert web.split()[:3] == ["deployment/ml/web", "-", "-"]


def test_folders_are_walked_and_what_can_not_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "hidden.yaml").write_text(TRITON)
    (tmp_path / "deep" / "good.yml").write_text(TRITON)
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    (tmp_path / "broken.yaml").write_text("a: [")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "notes.txt").write_text("no manifest")
    said = detect("-f", str(tmp_path), "-f", "-", "-o", "json", stdin=WEB)
    assert said.returncode == 0
    names = [(Path(one["source"]).name, one["profile"]) for one in json.loads(said.stdout)]
    assert names == [("good.yml", "triton"), ("-", None)]
    told = [line for line in said.stderr.splitlines() if line]
    assert len(told) == 3
    for name in ("template.yaml", "broken.yaml", "binary.json"):
        assert any(name in line for line in told)
    assert "Traceback" not in said.stderr


def test_nothing_to_list_is_an_empty_list(tmp_path: Path) -> None:
    assert json.loads(detect("-f", str(tmp_path), "-o", "json").stdout) == []
    assert "No workloads" in detect("-f", str(tmp_path)).stdout


@pytest.mark.parametrize(
    "words", [(), ("-f", "/nowhere/at/all.yaml"), ("-f", "-", "-o", "xml")], ids=str
)
def test_wrong_usage_is_told_with_exit_code_2(words: tuple[str, ...]) -> None:
    said = detect(*words)
    assert said.returncode == 2
    assert said.stderr
    assert "Traceback" not in said.stderr
