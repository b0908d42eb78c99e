"""Workloads out of manifests as people have them: many documents, lists, templates, rubbish."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferencehealth.manifests import workloads_in

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: one, namespace: ml, labels: {app: x, tier: 1}}
spec:
  template:
    metadata: {labels: {app: x}}
    spec: {containers: [{name: c, image: i}]}
"""


def refs(text: str) -> list[str]:
    workloads, unread = workloads_in(text)
    assert not unread
    return [workload.ref for workload in workloads]


def reasons(text: str) -> list[tuple[int, str]]:
    _, unread = workloads_in(text)
    return [(one.line, one.why) for one in unread]


def test_a_workload_keeps_what_detection_looks_at() -> None:
    [[workload], _] = workloads_in(DEPLOYMENT)
    assert (workload.ref, workload.namespace) == ("deployment/one", "ml")
    assert workload.labels == {"app": "x", "tier": "1"}
    assert [container.image for container in workload.containers] == ["i"]


KINDS = {
    "StatefulSet": "{template: {spec: POD}}",
    "DaemonSet": "{template: {spec: POD}}",
    "Pod": "POD",
    "LeaderWorkerSet": "{leaderWorkerTemplate: {leaderTemplate: {spec: POD}}}",
    "RayService": "{rayClusterConfig: {headGroupSpec: {template: {spec: POD}}}}",
    "RayCluster": "{headGroupSpec: {template: {spec: POD}}}",
    "InferenceService": "{predictor: POD}",
}


@pytest.mark.parametrize(("kind", "spec"), KINDS.items())
def test_every_kind_keeps_its_pod_elsewhere(kind: str, spec: str) -> None:
    pod = "{containers: [{name: c, image: i}]}"
    text = f"kind: {kind}\nmetadata: {{name: one}}\nspec: {spec.replace('POD', pod)}"
    [[workload], _] = workloads_in(text)
    assert workload.ref == f"{kind.lower()}/one"
    assert [container.name for container in workload.containers] == ["c"]


def test_leaders_without_a_template_are_made_like_workers() -> None:
    spec = "{leaderWorkerTemplate: {workerTemplate: {spec: {containers: [{name: w}]}}}}"
    [[workload], _] = workloads_in(f"kind: LeaderWorkerSet\nmetadata: {{name: l}}\nspec: {spec}")
    assert workload.containers[0].name == "w"


def test_a_service_is_a_workload_only_for_knative() -> None:
    body = "kind: Service\nmetadata: {name: s}\nspec: {template: {spec: {containers: [{name: c}]}}}"
    assert refs(f"apiVersion: v1\n{body}") == []
    assert refs(f"apiVersion: serving.knative.dev/v1\n{body}") == ["service/s"]


def test_other_kinds_and_other_files_are_passed_over() -> None:
    assert refs("kind: ConfigMap\ndata: {a: b}\n---\nkind: CronJob\nspec: {}\n") == []
    assert refs("replicaCount: 1\nimage: {repository: a}\n") == []
    assert refs("- a\n- b\n") == []
    assert refs("%YAML 1.2\n---\n# only a comment\n---\n...\n") == []


def test_lists_and_json_are_read() -> None:
    one = {"kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"name": "c"}]}}
    inner = {"kind": "List", "items": [one]}
    text = json.dumps({"kind": "PodList", "items": [inner, one, "rubbish", None]})
    assert refs(text) == ["pod/p", "pod/p"]


TEMPLATES = {
    "unquoted": DEPLOYMENT.replace("image: i", "image: {{ .Values.image }}"),
    "quoted": DEPLOYMENT.replace("image: i", 'image: "{{ .Values.image }}"'),
    "a name": DEPLOYMENT.replace("name: one", "name: {{ include 'x' . }}"),
    "a block": DEPLOYMENT.replace("spec:\n", "{{- if .Values.x }}\nspec:\n", 1),
}


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
def test_a_template_is_told_and_does_not_hide_its_neighbours(template: str) -> None:
    text = f"{DEPLOYMENT}---{template}---{DEPLOYMENT}"
    workloads, unread = workloads_in(text)
    assert len(workloads) == 2
    [one] = unread
    assert "template" in one.why
    assert text.splitlines()[one.line - 1] == "---"


def test_braces_in_other_places_make_no_template() -> None:
    chat = DEPLOYMENT.replace("image: i", "image: i, args: ['--chat-template={{ x }}']")
    assert refs(chat) == ["deployment/one"]


RUBBISH = {
    "no YAML": "a: b: c: [",
    "tabs": "a:\n\t- b",
    "binary": "\x00\x01",
    "no name": DEPLOYMENT.replace("name: one, ", ""),
    "a name that is none": DEPLOYMENT.replace("name: one", "name: [a]"),
    "containers that are none": DEPLOYMENT.replace("{name: c, image: i}", "c"),
    "an image that is none": DEPLOYMENT.replace("image: i", "image: 1.5"),
    "a command that is none": DEPLOYMENT.replace("image: i", "image: i, command: run it"),
    "a port's name that is none": DEPLOYMENT.replace(
        "image: i", "ports: [{containerPort: 1, name: 2}]"
    ),
    "a tag": "!!python/object/apply:os.system ['true']",
    "deep flow": "[" * 100_000,
    "deep flow with brackets in words": '["]",' * 50_000,
    "deep sequence": "- " * 100_000,
    "deep mapping": "\n".join(" " * n + "a:" for n in range(3000)),
}


@pytest.mark.parametrize("text", RUBBISH.values(), ids=RUBBISH)
def test_rubbish_is_told_in_one_line(text: str) -> None:
    [(line, why)] = reasons(text)
    assert line == 1 or text.startswith("\n")
    assert why.startswith("it")
    assert "\n" not in why


def test_aliases_can_not_blow_up() -> None:
    levels = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30))
    bomb = f"a0: &a0 x\n{levels}\nkind: Pod\nmetadata: {{name: *a29}}\nspec: {{containers: *a29}}"
    assert reasons(bomb) == [(1, "its Pod has no name")]


@given(st.text(max_size=200))
def test_whatever_the_text_nothing_raises(text: str) -> None:
    workloads_in(text)
    workloads_in(f"kind: Deployment\nmetadata: {{name: a}}\nspec: {text}")


def test_environment_from_a_config_map_beside_it_is_filled_in() -> None:
    text = """
kind: List
items:
  - kind: Pod
    metadata: {name: p}
    spec:
      containers:
        - name: c
          envFrom: [{configMapRef: {name: all}, prefix: X_}, {secretRef: {name: s}}]
          env:
            - {name: ONE, valueFrom: {configMapKeyRef: {name: all, key: A}}}
            - {name: OTHER, valueFrom: {configMapKeyRef: {name: elsewhere, key: A}}}
            - {name: X_B, value: own}
  - kind: ConfigMap
    metadata: {name: all}
    data: {A: a, B: b}
"""
    [[workload], _] = workloads_in(text)
    assert workload.containers[0].env == {"X_A": "a", "X_B": "own", "ONE": "a"}
