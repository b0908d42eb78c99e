"""`ihp lint` as a user types it: findings on standard output, trouble on standard error."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from click.testing import Result
from typer.testing import CliRunner

from inferencehealth.cli.main import app
from inferencehealth.findings.catalogue import RULES

HEAD = "apiVersion: apps/v1\nkind: Deployment\n"

BAD = f"""\
# a comment first
{HEAD}metadata:
  name: triton
  namespace: ml
  labels: {{tier: inference}}
spec:
  selector: {{matchLabels: {{app: triton}}}}
  template:
    spec:
      containers:
        - name: proxy
          image: envoyproxy/envoy:v1
        - name: server
          image: nvcr.io/nvidia/tritonserver:24.10-py3
          args: [tritonserver, --model-repository=/models]
          ports: [{{containerPort: 8000}}]
          livenessProbe:
            httpGet: {{path: /v2/health/ready, port: 8000}}
          readinessProbe:
            httpGet: {{path: /v2/health/ready, port: 8000}}
            periodSeconds: 60
"""
SERVER, _, _ = BAD.partition("          livenessProbe")
GOOD = (
    SERVER.replace("name: triton\n", "name: good\n")
    + """\
          startupProbe:
            httpGet: {path: /v2/health/live, port: 8000}
            failureThreshold: 61
          livenessProbe:
            httpGet: {path: /v2/health/live, port: 8000}
            timeoutSeconds: 5
          readinessProbe:
            httpGet: {path: /v2/health/ready, port: 8000}
            timeoutSeconds: 5
"""
)
WEB = HEAD + (
    "metadata: {name: web}\n"
    "spec: {template: {spec: {containers: [{name: web, image: 'nginx:1'}]}}}\n"
)
TEMPLATE = BAD.replace("nvcr.io", "{{ .Values.registry }}")
POLICY = """\
apiVersion: inferencehealth.dev/v1alpha1
kind: InferenceHealthPolicy
metadata: {name: p}
spec:
  target: {selector: {matchLabels: {tier: inference}}}
  probes: {mode: Apply, existing: Replace}
"""
KEYS = [
    *("id", "severity", "kind", "name", "namespace", "container", "message", "remedy"),
    *("file", "line", "docs"),
]


def lint(*words: str, stdin: str = "") -> Result:
    return CliRunner().invoke(app, ["lint", *words], input=stdin)


def objects(*words: str, stdin: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(lint(*words, "-o", "json", stdin=stdin).stdout)
    return found


def test_the_program_itself_ends_with_the_exit_code() -> None:
    command = [sys.executable, "-m", "inferencehealth.cli", "lint", "-"]
    for text, code in ((BAD, 1), (GOOD, 0), ("a: [", 2)):
        said = subprocess.run(
            command, input=text, capture_output=True, text=True, check=False, timeout=60
        )
        assert said.returncode == code, said.stderr
        assert "Traceback" not in said.stderr


def test_an_error_is_exit_code_1_and_names_everything() -> None:
    said = lint("-", "-o", "json", stdin=BAD)
    assert said.exit_code == 1, said.stderr
    found = json.loads(said.stdout)
    assert all(list(one) == KEYS for one in found)
    [same] = [one for one in found if one["id"] == "LivenessSameAsReadiness"]
    assert (same["severity"], same["kind"], same["name"]) == ("error", "Deployment", "triton")
    assert (same["namespace"], same["container"]) == ("ml", "server")
    assert same["message"]
    assert same["remedy"]
    assert (same["file"], same["line"]) == ("", 15)
    assert same["docs"] == "docs/findings.md#livenesssameasreadiness"


def test_without_an_error_the_exit_code_is_0() -> None:
    said = lint("-", stdin=GOOD)
    assert said.exit_code == 0, said.stdout
    assert "1 workload judged: 0 errors" in said.stdout


@pytest.mark.parametrize("severity", ["error", "warning", "info"])
def test_only_what_is_as_bad_is_shown_and_the_exit_code_stays(severity: str) -> None:
    said = lint("-", "-o", "json", "--severity", severity, stdin=BAD)
    assert said.exit_code == 1
    shown = {one["severity"] for one in json.loads(said.stdout)}
    order = ["error", "warning", "info"]
    assert shown == set(order[: order.index(severity) + 1])


def test_files_folders_and_the_option_say_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deep").mkdir()
    file = tmp_path / "deep" / "triton.yaml"
    file.write_text(f"{WEB}---\n{BAD}")
    by_file = objects("deep/triton.yaml")
    assert by_file == objects(str(file)) == objects("-f", ".")
    assert {one["file"] for one in by_file} == {"deep/triton.yaml"}
    line = next(one["line"] for one in by_file if one["container"] == "server")
    assert file.read_text().splitlines()[line - 1].strip() == "- name: server"


def test_lists_and_several_documents_are_read() -> None:
    items = "".join(f"  - {part}" for part in BAD.splitlines(keepends=True)[1:2])
    rest = "".join(f"    {part}" for part in BAD.splitlines(keepends=True)[2:])
    listed = f"apiVersion: v1\nkind: List\nitems:\n{items}{rest}"
    found = objects("-", stdin=f"{listed}---\n{WEB}---\n{GOOD}")
    assert {one["name"] for one in found} == {"triton"}
    line = next(one["line"] for one in found if one["container"] == "server")
    assert listed.splitlines()[line - 1].strip() == "- name: server"


def test_with_a_policy_it_is_judged_as_it_will_be(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    said = lint("-", "--policy", str(policy), "-o", "json", stdin=BAD)
    assert said.exit_code == 0, said.stdout
    assert "LivenessSameAsReadiness" not in said.stdout
    policy.write_text(POLICY.replace("inference}", "other}"))
    assert lint("-", "--policy", str(policy), stdin=BAD).exit_code == 1


def test_a_policy_that_can_not_be_kept_is_an_error(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY + "  server: {port: nosuch}\n")
    [finding] = objects("-", "--policy", str(policy), stdin=BAD)
    assert (finding["id"], finding["severity"]) == ("PortNotFound", "error")


def test_an_invalid_policy_is_told_by_field(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY.replace("Apply", "Aply"))
    said = lint("-", "--policy", str(policy), stdin=BAD)
    assert said.exit_code == 2
    assert "spec.probes.mode" in said.stderr
    assert "Traceback" not in said.stderr


def test_the_text_has_no_colours_in_a_pipe_and_ends_with_a_count() -> None:
    said = lint("-", stdin=f"{BAD}---\n{WEB}")
    assert "\x1b" not in said.stdout
    assert "deployment/ml/triton" in said.stdout
    last = said.stdout.splitlines()[-1]
    assert last.startswith("1 workload judged: 2 errors, 3 warnings, 1 info. ")
    assert last.endswith("1 other workload runs no model server that we know.")


def test_workloads_without_a_model_server_are_silent_in_json() -> None:
    said = lint("-", "-o", "json", stdin=WEB)
    assert (said.exit_code, json.loads(said.stdout), said.stderr) == (0, [], "")


def test_what_can_not_be_read_is_told_and_the_rest_is_judged(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    (tmp_path / "broken.yaml").write_text("a: [")
    (tmp_path / "bad.yaml").write_text(BAD)
    said = lint(str(tmp_path), "-o", "json")
    assert said.exit_code == 1
    assert {one["name"] for one in json.loads(said.stdout)} == {"triton"}
    assert len(said.stderr.splitlines()) == 2
    assert "template.yaml:1: left out: it is a template" in said.stderr


@pytest.mark.parametrize(
    ("words", "stdin"),
    [
        ((), ""),
        (("/nowhere/at/all.yaml",), ""),
        (("-", "-o", "xml"), BAD),
        (("-", "--severity", "bad"), BAD),
        (("-", "--policy", "/nowhere.yaml"), BAD),
        (("-", "--live"), BAD),
        (("-",), "a: ["),
    ],
    ids=str,
)
def test_wrong_usage_and_nothing_to_read_are_exit_code_2(
    words: tuple[str, ...], stdin: str
) -> None:
    said = lint(*words, stdin=stdin)
    assert said.exit_code == 2
    assert said.stderr
    assert "Traceback" not in said.stderr


def test_sarif_has_what_code_hosts_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a b.yaml").write_text(BAD)
    log = json.loads(lint(".", "-o", "sarif").stdout)
    assert log["version"] == "2.1.0"
    [run] = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [rule.id for rule in RULES]
    assert {one["level"] for one in run["results"]} == {"error", "warning", "note"}
    for one in run["results"]:
        assert rules[one["ruleIndex"]]["id"] == one["ruleId"]
        assert one["message"]["text"]
        [location] = one["locations"]
        physical = location["physicalLocation"]
        assert physical["artifactLocation"]["uri"] == "a%20b.yaml"
        assert physical["region"]["startLine"] >= 1
        assert location["logicalLocations"][0]["fullyQualifiedName"].startswith("deployment/ml/")
    prints = [one["partialFingerprints"]["finding/v1"] for one in run["results"]]
    assert len(set(prints)) == len(prints)


def test_junit_fails_for_errors_only() -> None:
    said = lint("-", "-o", "junit", stdin=f"{BAD}---\n{GOOD}")
    root = ET.fromstring(said.stdout)  # noqa: S314 - our own
    assert root.tag == "testsuites"
    bad, good = root.findall("testsuite")
    assert bad.get("name") == "deployment/ml/triton"
    failed = [one.get("type") for one in bad.iter("failure")]
    assert sorted(map(str, failed)) == ["LivenessSameAsReadiness", "NoStartupProbe"]
    assert bad.get("failures") == root.get("failures") == "2"
    assert int(bad.get("tests", "0")) == len(bad.findall("testcase")) == 6
    assert [one.get("name") for one in good.findall("testcase")] == ["no findings"]
    assert not list(good.iter("failure"))


def test_what_render_writes_lints_clean() -> None:
    command = [sys.executable, "-m", "inferencehealth.cli", "render", "-f", "-", "--replace"]
    rendered = subprocess.run(
        command, input=BAD, capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert not [one for one in objects("-", stdin=rendered) if one["severity"] != "info"]
