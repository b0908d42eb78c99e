"""From policies and reports to what the page shows, as JSON. Pure, and bounded as reports are."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from inferencehealth.checks.verdicts import Verdict
from inferencehealth.controller.views import View
from inferencehealth.dashboard.matrix import cells
from inferencehealth.dashboard.timeline import Timeline
from inferencehealth.status.tree import Note, PolicyNode, WorkloadNode

Row = dict[str, Any]

_VERDICTS: Final = tuple(verdict.value for verdict in Verdict)


@dataclass(frozen=True, slots=True)
class Known:
    """One workload: its report as far as it is current, and as `ihp status` has it."""

    view: View
    node: WorkloadNode


def workload_key(view: View) -> str:
    """A workload's name on the page: namespace/kind/name."""
    return f"{view.report.metadata.namespace}/{view.ref}"


def told_since(view: View) -> float | None:
    """Since when its verdict stands (epoch seconds), by the checker that still says so."""
    if view.health is not view.report.status.health:
        return None
    try:
        return datetime.fromisoformat(view.health.last_transition_time).timestamp()
    except ValueError:
        return None


def policy_row(node: PolicyNode) -> Row:
    """One line of the table of policies."""
    return {
        "key": f"{node.namespace}/{node.name}",
        "namespace": node.namespace,
        "name": node.name,
        "mode": node.mode,
        "verdict": node.verdict,
        "ready": node.ready,
        "reason": node.reason,
        "message": node.message,
        "serving": node.serving,
        "total": node.total,
        "workloads": len(node.workloads),
        "troubled": sum(each.short for each in node.workloads),
        "problems": _notes(node.problems),
        "next": list(node.next),
    }


def workload_row(known: Known, timeline: Timeline, revision: int) -> Row:
    """One line of the table of workloads; `revision` changes with anything about it."""
    node, report = known.node, known.view.report
    namespace = report.metadata.namespace
    return {
        "key": workload_key(known.view),
        "policy": f"{namespace}/{report.spec.policy}",
        "namespace": namespace,
        "workload": node.ref,
        "revision": revision,
        "profile": node.profile,
        "verdict": node.verdict,
        "reason": node.reason,
        "message": node.message,
        "since": node.since,
        "serving": node.serving,
        "total": node.total,
        "desired": node.desired,
        "models": node.models,
        "probes": node.probes,
        "short": node.short,
        "findings": len(node.findings),
        "counts": _counts(known.view),
        "timeline": [[mark.at, mark.verdict] for mark in timeline],
    }


def workload_detail(known: Known) -> Row:
    """Everything about one workload that its line does not tell: pods × models above all."""
    health, node = known.view.health, known.node
    return {
        "key": workload_key(known.view),
        "total": node.total,
        "probesMessage": node.probes_message,
        "findings": _notes(node.findings),
        "next": list(node.next),
        "items": [asdict(item) for item in node.items],
        "pods": [
            {
                "name": pod.name,
                "verdict": pod.verdict,
                "reason": pod.reason,
                "message": pod.message,
                "since": pod.since,
                "latency": pod.latency,
                "kubeletReady": pod.kubelet_ready,
                "restarts": pod.restarts,
                "gate": pod.gate,
                "next": list(pod.next),
                "cells": cells(told, node.items, health.counts.total),
            }
            for pod, told in zip(node.pods, health.pods, strict=True)
        ],
    }


def _counts(view: View) -> dict[str, int]:
    """Pods by verdict, without those of which there are none."""
    found = {verdict: int(getattr(view.health.counts, verdict.lower())) for verdict in _VERDICTS}
    return {verdict: count for verdict, count in found.items() if count}


def _notes(notes: Sequence[Note]) -> list[Row]:
    return [asdict(note) for note in notes]
