"""The tree as JSON and YAML have it; times in seconds and RFC 3339. Pure."""

from collections.abc import Iterable
from typing import Any

from inferencehealth.status.tree import ItemNode, Note, PodNode, PolicyNode, WorkloadNode


def document(nodes: Iterable[PolicyNode], notes: Iterable[str] = ()) -> dict[str, Any]:
    """Everything; `notes` are what could not be found out."""
    return {"policies": [policy(node) for node in nodes], "notes": list(notes)}


def policy(node: PolicyNode) -> dict[str, Any]:
    """One policy."""
    return {
        "namespace": node.namespace,
        "name": node.name,
        "mode": node.mode,
        "verdict": node.verdict,
        "ready": node.ready,
        "reason": node.reason,
        "message": node.message,
        "pods": {"serving": node.serving, "total": node.total},
        "problems": _notes(node.problems),
        "next": list(node.next),
        "workloads": [_workload(each) for each in node.workloads],
    }


def _workload(node: WorkloadNode) -> dict[str, Any]:
    return {
        "workload": node.ref,
        "profile": node.profile,
        "verdict": node.verdict,
        "reason": node.reason,
        "message": node.message,
        "since": node.since,
        "serving": node.serving,
        "total": node.total,
        "desired": node.desired,
        "probes": node.probes,
        "findings": _notes(node.findings),
        "next": list(node.next),
        "pods": [_pod(each) for each in node.pods],
        "models": [_item(each) for each in node.items if each.kind == "model"],
        "components": [_item(each) for each in node.items if each.kind == "component"],
    }


def _pod(node: PodNode) -> dict[str, Any]:
    return {
        "name": node.name,
        "verdict": node.verdict,
        "reason": node.reason,
        "message": node.message,
        "since": node.since,
        "latency": round(node.latency, 4),
        "kubeletReady": node.kubelet_ready,
        "restarts": node.restarts,
        "gate": node.gate,
        "next": list(node.next),
    }


def _item(node: ItemNode) -> dict[str, Any]:
    return {
        "name": node.name,
        "required": node.required,
        "ready": node.ready,
        "total": node.total,
        "state": node.state,
        "reason": node.reason,
        "message": node.message,
    }


def _notes(notes: Iterable[Note]) -> list[dict[str, str]]:
    return [{"id": note.id, "message": note.message} for note in notes]
