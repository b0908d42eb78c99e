"""Our programs inside their pods: killed where they run, asked for their numbers, told apart."""

import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from e2e.installed import CHECKER, CONTROLLER, pods
from e2e.story.stage import Stage, StepError
from inferencehealth.controller.candidate import LEASE

CHECKS = "inferencehealth_checks"
TIMEOUT = 5.0
"""Seconds for a page of numbers: it takes milliseconds, on a machine with nothing else to do."""


def kill(pod: Mapping[str, Any]) -> None:
    """kill -9 our program in the pod; its container is started again by the kubelet."""
    found = _processes(pod["metadata"]["uid"])
    if not found:
        raise StepError(f"a process of {pod['metadata']['name']} killed. Seen instead: none")
    for pid in found:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _processes(uid: str) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cgroup"):
        with suppress(OSError):
            ours = b"inferencehealth.cli" in (path.parent / "cmdline").read_bytes()
            if ours and uid in path.read_text():
                found.append(int(path.parent.name))
    return found


def holder(stage: Stage) -> str:
    """Who holds the controllers' Lease; "" while nobody does."""
    spec = stage.look("lease", LEASE)["spec"]
    return str(spec.get("holderIdentity") or "")


def pod_of(stage: Stage, identity: str) -> Mapping[str, Any]:
    """The controller's pod that goes by that name in the Lease."""
    for pod in pods(stage, CONTROLLER):
        if identity.startswith(pod["metadata"]["name"]):
            return pod
    raise StepError(f"a pod for {identity!r}. Seen instead: none of that name")


def checks_done(stage: Stage) -> Mapping[str, float]:
    """How many checks each checker has done since it started, by its pod's address."""
    return {
        address: checks_of(address)
        for pod in pods(stage, CHECKER)
        if (address := pod["status"].get("podIP"))
    }


def checks_of(address: str) -> float:
    """How many checks the checker at that address has done since it started."""
    with urlopen(f"http://{address}:9080/metrics", timeout=TIMEOUT) as answer:
        text = answer.read().decode()
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        if family.name == CHECKS
        for sample in family.samples
    )
