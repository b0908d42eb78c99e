import tracemalloc
from typing import Any

import pytest

from inferencehealth.kube.pods import ContainerRecord, GateRecord, PodRecord, project_pod

GATE = "inferencehealth.dev/models-ready"
AT = "2026-01-02T03:04:05Z"
EPOCH = 1_767_323_045


def raw_pod(index: int = 0, **status: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "uid": f"11111111-2222-3333-4444-{index:012}",
            "namespace": "ml",
            "name": f"triton-7c9f8d6b5-{index:05}",
            "labels": {"app": "triton", "pod-template-hash": "7c9f8d6b5"},
        },
        "spec": {"nodeName": "gpu-1", "containers": [{"name": "triton", "image": "triton:1"}]},
        "status": {"phase": "Running", "podIP": f"10.244.{index // 250}.{index % 250}", **status},
    }


def running(**more: Any) -> dict[str, Any]:
    return {
        "name": "triton",
        "ready": True,
        "started": True,
        "restartCount": 2,
        "state": {"running": {"startedAt": "2026-01-02T03:04:05Z"}},
        "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137}},
        **more,
    }


def record(raw: dict[str, Any]) -> PodRecord:
    found = project_pod(raw)
    assert found is not None
    return found


def test_a_running_pod_keeps_what_a_verdict_needs() -> None:
    raw = raw_pod(containerStatuses=[running()])
    changed = "2026-01-02T03:05:05Z"
    raw["status"]["conditions"] = [
        {"type": "Ready", "status": "True", "lastTransitionTime": changed}
    ]
    assert record(raw) == PodRecord(
        uid="11111111-2222-3333-4444-000000000000",
        namespace="ml",
        name="triton-7c9f8d6b5-00000",
        labels={"app": "triton", "pod-template-hash": "7c9f8d6b5"},
        ip="10.244.0.0",
        phase="Running",
        node="gpu-1",
        deleting=False,
        ready=True,
        unschedulable="",
        containers=(
            ContainerRecord(
                name="triton",
                ready=True,
                started=True,
                restarts=2,
                started_at=1767323045,
                waiting="",
                last_termination="OOMKilled",
                last_exit=137,
                image="triton:1",
            ),
        ),
        ready_since=1767323105,
    )


def test_a_crashing_container_says_what_it_waits_for_and_how_it_ended() -> None:
    crashing = running(
        ready=False, started=False, state={"waiting": {"reason": "CrashLoopBackOff"}}
    )
    container = record(raw_pod(containerStatuses=[crashing])).container("triton")
    assert container is not None
    assert (container.waiting, container.last_termination) == ("CrashLoopBackOff", "OOMKilled")
    assert container.started_at is None


def test_a_container_that_has_just_ended_says_why() -> None:
    ended = running(state={"terminated": {"reason": "Error"}}, lastState={})
    container = record(raw_pod(containerStatuses=[ended])).container("triton")
    assert container is not None
    assert (container.last_termination, container.started_at) == ("Error", None)


def test_a_pod_without_status_is_pending_with_its_containers() -> None:
    raw = raw_pod()
    del raw["status"]
    pod = record(raw)
    assert (pod.phase, pod.ip, pod.ready) == ("Pending", "", False)
    assert pod.container("triton") == ContainerRecord(
        "triton", False, False, 0, None, "", "", image="triton:1"
    )


def test_an_unschedulable_pod_carries_the_schedulers_words_within_bounds() -> None:
    message = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu. " + "x" * 1000
    conditions = [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    ]
    assert record(raw_pod(conditions=conditions)).unschedulable == message[:256]


def test_a_scheduled_pod_is_not_unschedulable() -> None:
    conditions = [{"type": "PodScheduled", "status": "True", "message": "x"}]
    assert record(raw_pod(conditions=conditions)).unschedulable == ""


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_finished_pod_is_not_wanted(phase: str) -> None:
    assert project_pod(raw_pod(phase=phase)) is None


def test_a_pod_being_deleted_says_so() -> None:
    raw = raw_pod()
    raw["metadata"]["deletionTimestamp"] = "2026-01-02T03:04:05Z"
    assert record(raw).deleting


def test_a_native_sidecar_is_a_container_and_other_init_containers_are_not() -> None:
    raw = raw_pod(initContainerStatuses=[running(name="server"), running(name="fetch")])
    raw["spec"]["initContainers"] = [
        {"name": "fetch"},
        {"name": "server", "restartPolicy": "Always"},
    ]
    pod = record(raw)
    assert [container.name for container in pod.containers] == ["triton", "server"]
    server = pod.container("server")
    assert server is not None
    assert server.ready


def test_an_object_that_is_no_pod_is_refused() -> None:
    with pytest.raises(KeyError):
        project_pod({"metadata": {"name": "x"}})


def test_a_pod_takes_about_half_a_kibibyte() -> None:
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    pods = [record(raw_pod(i, containerStatuses=[running()])) for i in range(10_000)]
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Measured 514 bytes; a raw pod takes 64 KiB.
    assert (after - before) / len(pods) < 640


def gated(*conditions: dict[str, Any], gates: tuple[str, ...] = (GATE,)) -> PodRecord:
    raw = raw_pod(conditions=list(conditions))
    raw["spec"]["readinessGates"] = [{"conditionType": each} for each in gates]
    return record(raw)


def test_a_pod_without_our_gate_has_none() -> None:
    assert record(raw_pod()).gate is None
    assert gated(gates=("example.com/other",)).gate is None


def test_a_gate_that_nobody_has_set_yet_is_empty() -> None:
    assert gated(gates=("example.com/other", GATE)).gate == GateRecord()


def test_a_gate_is_read_with_its_reason_and_since_when_the_kubelet_agrees() -> None:
    found = gated(
        {"type": GATE, "status": "False", "reason": "ModelNotLoaded", "lastTransitionTime": AT},
        {"type": "ContainersReady", "status": "True", "lastTransitionTime": AT},
    )
    assert found.gate == GateRecord("False", "ModelNotLoaded", EPOCH, EPOCH)


def test_a_gate_on_a_pod_whose_probes_fail_has_no_time_of_readiness() -> None:
    found = gated({"type": "ContainersReady", "status": "False", "lastTransitionTime": AT})
    assert found.gate == GateRecord()
