from datetime import UTC, datetime
from typing import Any

import pytest

from inferencehealth.status.document import document
from inferencehealth.status.lines import PODS_SHOWN, Layout, age, lines, plain
from inferencehealth.status.tree import tree
from tests.unit.status.given import HEARD, SYSTEM, a_pod, a_policy, a_report

NOW = datetime(2026, 11, 21, 12, 12, tzinfo=UTC)
MODEL = {
    "name": "resnet50",
    "required": True,
    "ready": 1,
    "total": 2,
    "state": "Broken",
    "reason": "ModelNotFound",
    "message": "not there",
}
BROKEN = a_pod(
    "a-2", "Broken", reason="ModelNotFound", message="no model", latency="8ms", kubeletReady=True
)

OFF = {"state": "Off"}


def shown(*pods: dict[str, Any], everything: bool = False, **more: Any) -> list[str]:
    nodes = tree([a_policy()], [a_report(*pods, **more)], HEARD, SYSTEM)
    return [plain(line) for line in lines(nodes, Layout(NOW, everything))]


def test_the_tree_shows_what_is_in_trouble_why_and_what_to_type() -> None:
    assert shown(a_pod(), BROKEN, models=[MODEL], modelsServing="0/1", probes=OFF) == [
        "ml/p  Broken  Ready=False ModelNotFound  pods 1/2, mode Recommend",
        "└─ deployment/a (triton)  Broken ModelNotFound  pods 1/2, models 0/1, probes Off, for 12m",
        "   ├─ pod/a-2  Broken ModelNotFound, for 12m, 8 ms, the kubelet says ready: no model",
        "   │  ├─ → ihp diagnose pod/a-2 -n ml",
        "   │  └─ → kubectl logs a-2 -n ml -c server --tail 50",
        "   └─ model resnet50  Broken on 1 of 2 pods, required: ModelNotFound not there",
    ]


def test_what_serves_is_a_number_unless_everything_is_asked_for() -> None:
    pod = a_pod(reason="Serving", latency="3ms", kubeletReady=True)
    assert len(shown(pod)) == 2
    assert shown(pod, everything=True)[2] == "   └─ pod/a-1  Ready Serving, for 12m, 3 ms"


def test_many_pods_in_trouble_are_the_worst_and_a_number() -> None:
    pods = [a_pod(f"a-{n}", "Loading") for n in range(PODS_SHOWN + 5)]
    told = shown(*pods)
    assert sum("pod/" in line for line in told) == PODS_SHOWN
    assert told[-1] == "   └─ and 5 more pods in trouble"


def test_words_of_a_report_cannot_steer_a_terminal() -> None:
    told = shown(a_pod(verdict="Broken", message="a\x1b[2Jb\nc"))
    assert told[2].endswith(": a [2Jb c")


def test_a_workload_without_pods_says_why() -> None:
    told = shown(desired=2, reason="NoPods", message="the quota is used up")
    assert told[2] == "   ├─ the quota is used up"


def test_the_document_has_the_same_facts() -> None:
    nodes = tree([a_policy()], [a_report(a_pod(), BROKEN, models=[MODEL])], HEARD, SYSTEM)
    (policy,) = document(nodes)["policies"]
    assert policy["pods"] == {"serving": 1, "total": 2}
    (workload,) = policy["workloads"]
    assert [pod["verdict"] for pod in workload["pods"]] == ["Ready", "Broken"]
    assert workload["pods"][1]["latency"] == 0.008
    assert workload["models"][0]["name"] == "resnet50"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0s"), (119, "119s"), (120, "2m"), (7199, "119m"), (7200, "2h"), (200_000, "2d")],
)
def test_ages_read_as_kubectls(seconds: float, told: str) -> None:
    assert age(seconds) == told
