"""Workloads as they are named on the command line: deployment/NAME, statefulset/NAME, lws/NAME."""

import typer

from inferencehealth.kube.requests import (
    DEPLOYMENTS,
    LEADER_WORKER_SETS,
    STATEFUL_SETS,
    Resource,
)

_NAMES = {
    **dict.fromkeys(("deployment", "deployments", "deploy"), DEPLOYMENTS),
    **dict.fromkeys(("statefulset", "statefulsets", "sts"), STATEFUL_SETS),
    **dict.fromkeys(("leaderworkerset", "leaderworkersets", "lws"), LEADER_WORKER_SETS),
}


def parse_workload(text: str) -> tuple[Resource, str]:
    """Kind and name, with the short forms that kubectl knows; raises typer.BadParameter."""
    kind, slash, name = text.partition("/")
    resource = _NAMES.get(kind.lower().partition(".")[0])
    if not slash or not name or resource is None:
        raise typer.BadParameter(f"{text!r}: write deployment/NAME, statefulset/NAME or lws/NAME")
    return resource, name
