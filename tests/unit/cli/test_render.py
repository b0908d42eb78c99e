"""`ihp render` as a user types it: manifests on standard output, notes on standard error."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from inferencehealth.api.policy import Policy
from inferencehealth.plan import plan
from inferencehealth.workloads import workload

CORPUS = Path(__file__).parents[4] / "shared" / "corpus"

MANIFEST = """\
# The model server of the shop.
apiVersion: v1
kind: Service
metadata: {name: triton}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: triton   # ours
  labels: {tier: inference}
spec:
  selector: {matchLabels: {app: triton}}
  template:
    metadata: {labels: {app: triton}}
    spec:
      containers:
      - name: logs
        image: busybox
      - name: server
        image: "nvcr.io/nvidia/tritonserver:24.10-py3"  # pinned
        ports:
        - containerPort: 8000
        livenessProbe:
          exec: {command: [true]}
        # the end
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {}
  template: {spec: {containers: [{name: web, image: nginx}]}}
"""

POLICY: dict[str, Any] = {
    "apiVersion": "inferencehealth.dev/v1alpha1",
    "kind": "InferenceHealthPolicy",
    "metadata": {"name": "triton", "namespace": "ml"},
    "spec": {
        "target": {"selector": {"matchLabels": {"tier": "inference"}}},
        "probes": {"budgets": {"maxStartup": "20m"}},
    },
}


def render(*words: str, stdin: str = MANIFEST) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "inferencehealth.cli", "render", "-f", "-", *words]
    return subprocess.run(
        command, input=stdin, capture_output=True, text=True, check=False, timeout=60
    )


def containers(text: str) -> dict[str, Any]:
    found = [d for d in yaml.safe_load_all(text) if d and d["kind"] == "Deployment"]
    return {c["name"]: c for d in found for c in d["spec"]["template"]["spec"]["containers"]}


def test_missing_probes_are_added_and_every_line_stays() -> None:
    done = render()
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    kept = iter(lines)
    assert all(line in kept for line in MANIFEST.splitlines()), "a line of the author is gone"
    server = containers(done.stdout)["server"]
    assert server["startupProbe"]["httpGet"]["path"] == "/v2/health/live"
    assert server["readinessProbe"]["httpGet"]["path"] == "/v2/health/ready"
    assert server["livenessProbe"] == {"exec": {"command": [True]}}
    assert "deployment/triton: container server (profile triton) gets" in done.stderr
    assert "web" not in done.stderr


def test_replace_lets_the_authors_probe_give_way_as_a_whole() -> None:
    live = containers(render("--replace").stdout)["server"]["livenessProbe"]
    assert "exec" not in live
    assert live["httpGet"]["path"] == "/v2/health/live"


def test_what_was_rendered_is_not_changed_again() -> None:
    once = render("--replace").stdout
    again = render("--replace", stdin=once)
    assert again.stdout == once
    assert "nothing to add" in again.stderr


def test_a_policy_gives_the_same_probes_as_in_the_cluster(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(yaml.safe_dump(POLICY))
    server = containers(render("--policy", str(file)).stdout)["server"]
    deployment = list(yaml.safe_load_all(MANIFEST))[1]
    planned = plan(Policy.model_validate(POLICY), workload(deployment))
    wanted = {probe.kind: probe.wanted for probe in planned.probes}
    assert server["startupProbe"] == wanted["startupProbe"]
    assert server["readinessProbe"] == wanted["readinessProbe"]
    assert server["startupProbe"]["failureThreshold"] == 121


def test_a_policy_that_can_not_be_understood_is_told_by_file_and_field(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(yaml.safe_dump({**POLICY, "spec": {**POLICY["spec"], "probs": {}}}))
    done = render("--policy", str(file))
    assert done.returncode == 2
    assert done.stdout == ""
    assert "spec.probs" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_contradiction_leaves_the_manifest_as_it_is_and_fails(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    probes = {"budgets": {"stopTrafficAfter": "30s", "restartAfter": "20s"}}
    file.write_text(yaml.safe_dump({**POLICY, "spec": {**POLICY["spec"], "probes": probes}}))
    done = render("--policy", str(file))
    assert done.returncode == 1
    assert done.stdout == MANIFEST
    assert "left as it is" in done.stderr
    assert "restartAfter" in done.stderr


def test_a_template_is_passed_through_and_told() -> None:
    text = MANIFEST.replace("nvcr.io", "{{ .Values.registry }}").replace("{name: web}", "{{ x }}")
    done = render(stdin=text)
    assert done.stdout.endswith(text[text.rindex("---") :])
    assert "it is a template with placeholders; render it first" in done.stderr


def test_a_file_that_is_not_there_is_wrong_usage() -> None:
    command = [sys.executable, "-m", "inferencehealth.cli", "render", "-f", "/nowhere.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "does not exist" in done.stderr


def test_a_strategic_merge_patch_names_workload_and_container_and_clears_other_handlers() -> None:
    (patch,) = yaml.safe_load_all(render("--replace", "-o", "strategic").stdout)
    assert patch["metadata"] == {"name": "triton"}
    (container,) = patch["spec"]["template"]["spec"]["containers"]
    assert container["name"] == "server"
    assert container["livenessProbe"]["exec"] is None
    assert "&id" not in render("-o", "strategic").stdout


def test_json_patches_stand_in_a_kustomization() -> None:
    (entry,) = yaml.safe_load(render("--replace", "-o", "json-patch").stdout)["patches"]
    expected = {"group": "apps", "version": "v1", "kind": "Deployment", "name": "triton"}
    assert entry["target"] == expected
    guard, startup, live, _ready = json.loads(entry["patch"])
    at = "/spec/template/spec/containers/1"
    assert guard == {"op": "test", "path": f"{at}/name", "value": "server"}
    assert (startup["op"], startup["path"]) == ("add", f"{at}/startupProbe")
    assert (live["op"], live["path"]) == ("replace", f"{at}/livenessProbe")


def test_a_resource_list_makes_it_a_function() -> None:
    items = list(yaml.safe_load_all(MANIFEST))
    listed = {
        "apiVersion": "config.kubernetes.io/v1",
        "kind": "ResourceList",
        "items": items,
        "functionConfig": POLICY,
    }
    done = render(stdin=yaml.safe_dump(listed))
    assert done.returncode == 0, done.stderr
    result = yaml.safe_load(done.stdout)
    assert [item["metadata"]["name"] for item in result["items"]] == ["triton", "triton", "web"]
    server = result["items"][1]["spec"]["template"]["spec"]["containers"][1]
    assert server["startupProbe"]["failureThreshold"] == 121
    assert result["items"][2] == items[2]


def test_an_invalid_function_config_is_a_result_and_changes_nothing() -> None:
    items = list(yaml.safe_load_all(MANIFEST))
    config = {**POLICY, "spec": {"target": 7}}
    listed = {
        "apiVersion": "config.kubernetes.io/v1",
        "kind": "ResourceList",
        "items": items,
        "functionConfig": config,
    }
    done = render(stdin=yaml.safe_dump(listed))
    assert done.returncode == 1
    result = yaml.safe_load(done.stdout)
    assert result["items"] == items
    assert "spec.target" in result["results"][0]["message"]


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of real manifests is not here")
def test_real_manifests_keep_all_but_the_probes_of_their_servers() -> None:
    files = sorted(CORPUS.rglob("*.yaml"))
    command = [sys.executable, "-m", "inferencehealth.cli", "render", "--replace"]
    for file in files[::5]:
        done = subprocess.run(
            [*command, "-f", str(file)], capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, (file, done.stderr)
        before = list(yaml.safe_load_all(file.read_text()))
        after = list(yaml.safe_load_all(done.stdout))
        assert _without_probes(after) == _without_probes(before), file


def _without_probes(value: Any) -> Any:
    if isinstance(value, dict):
        kinds = {"startupProbe", "livenessProbe", "readinessProbe"}
        return {k: _without_probes(v) for k, v in value.items() if k not in kinds}
    return [_without_probes(each) for each in value] if isinstance(value, list) else value
