"""Reports, pods and answers as the checker's tests make them."""

from dataclasses import replace
from typing import Any

from inferencehealth.api.report import CheckSpec, Health, WorkloadRef
from inferencehealth.api.target import Selector
from inferencehealth.checker.reports import ReportRecord
from inferencehealth.checks.steps import Answer, Outcome
from inferencehealth.kube.pods import ContainerRecord, PodRecord
from inferencehealth.kube.store import Change

NAMESPACE = "ml"
START = 1_000_000

OK = Answer(Outcome.ANSWERED, 200)
NOT_READY = Answer(Outcome.ANSWERED, 500)
REFUSED = Answer(Outcome.REFUSED)
BLOCKED = Answer(Outcome.CONNECT_TIMEOUT)


def spec(**changes: Any) -> CheckSpec:
    """A custom server with one endpoint: 200 is good, 503 is loading."""
    fields: dict[str, Any] = {
        "profile": "custom",
        "container": "server",
        "port": 8000,
        "podSelector": {"matchLabels": {"app": "triton"}},
        "endpoints": {"ready": {"path": "/ready", "loading": {"status": [503]}}},
        "interval": "10s",
        "timeout": "1s",
        "failureThreshold": 2,
        "successThreshold": 1,
        "startupBudget": "10m",
    }
    return CheckSpec.model_validate(fields | changes)


def report(
    name: str = "triton",
    check: CheckSpec | None = None,
    *,
    generation: int = 1,
    uid: str = "r1",
    health: Health | None = None,
    policy: str = "p",
    workload: str = "",
) -> ReportRecord:
    return ReportRecord(
        namespace=NAMESPACE,
        name=name,
        uid=uid,
        generation=generation,
        policy=policy,
        workload=WorkloadRef(
            kind="Deployment", name=workload or name, uid=f"uid-{workload or name}"
        ),
        check=check or spec(),
        health=health,
    )


def selecting(**labels: str) -> Selector:
    return Selector(match_labels=labels)


def pod(
    name: str = "triton-0",
    *,
    ip: str = "10.0.0.1",
    app: str = "triton",
    uid: str = "",
    started_at: int | None = START,
    waiting: str = "",
    restarts: int = 0,
    ready: bool = True,
    deleting: bool = False,
    controller: tuple[str, str] | None = None,
    **labels: str,
) -> PodRecord:
    container = ContainerRecord(
        name="server",
        ready=ready,
        started=True,
        restarts=restarts,
        started_at=started_at,
        waiting=waiting,
        last_termination="",
    )
    return PodRecord(
        uid=uid or f"uid-{name}",
        namespace=NAMESPACE,
        name=name,
        labels={"app": app, **labels},
        ip=ip,
        phase="Running" if ip else "Pending",
        node="n1",
        deleting=deleting,
        ready=ready,
        unschedulable="",
        containers=(container,),
        controller=controller,
    )


def added(value: Any) -> Change[Any]:
    return Change("added", (value.namespace, value.name), None, value)


def modified(old: Any, **changes: Any) -> Change[Any]:
    return Change("modified", (old.namespace, old.name), old, replace(old, **changes))


def deleted(value: Any) -> Change[Any]:
    return Change("deleted", (value.namespace, value.name), value, None)
