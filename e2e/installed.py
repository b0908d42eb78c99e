"""The operator in pods, as a user installs it: image onto the node, `kubectl apply -k`, awaited.

Its programs run under their own accounts and rights, at the restricted level of Pod Security.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from e2e.cluster import api
from e2e.cluster.model import Cluster
from e2e.story import expect
from e2e.story.stage import KubectlError, Stage, kubectl
from inferencehealth.api.names import SYSTEM_NAMESPACE
from inferencehealth.kube.timestamps import micro_time, utc_now
from releasing import image

MANIFESTS = Path(__file__).resolve().parent.parent / "manifests"
BASE = MANIFESTS / "base"
OURS = "--selector=app.kubernetes.io/part-of=inferencehealth"
CHECKER = "inferencehealth-checker"
CONTROLLER = "inferencehealth-controller"
LOG_LINES = 40
LOG_SECONDS = "10m"

Restarts = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Installed:
    """An operator in pods, all of them ready `since` then (RFC 3339, UTC).

    `restarts` is how often its containers had been restarted by then.
    """

    cluster: Cluster
    restarts: Restarts = field(default_factory=dict)
    since: str = ""

    @property
    def stage(self) -> Stage:
        """The operator's own namespace."""
        return Stage(self.cluster, SYSTEM_NAMESPACE)

    def trouble(self) -> str:
        """Which container of ours was restarted since, and why; "" when none was."""
        for name, status in containers(self.stage).items():
            if status["restartCount"] > self.restarts.get(name, 0):
                last = json.dumps(status.get("lastState"), indent=2)
                return f"{name} was restarted: {last}\n{self.log_end()}"
        return ""

    def log_end(self) -> str:
        """The end of what our programs logged."""
        words = (f"--tail={LOG_LINES}", f"--since={LOG_SECONDS}", "--prefix", "--all-containers")
        try:
            return kubectl(self.cluster, "--namespace", SYSTEM_NAMESPACE, "logs", OURS, *words)
        except KubectlError as error:
            return str(error)

    @contextmanager
    def without_checker(self) -> Iterator[None]:
        """No checker runs as long as the block does."""
        scale(self.stage, CHECKER, 0)
        self.stage.eventually(
            "no checker",
            lambda: pods(self.stage, CHECKER),
            lambda found: not found,
            within=expect.KUBELET,
        )
        try:
            yield
        finally:
            scale(self.stage, CHECKER, 1)
            expect.all_rolled_out(self.stage, CHECKER)

    def stop(self) -> None:
        """Nothing: it goes with the cluster."""


def install(cluster: Cluster, manifests: Path = BASE, archive: Path | None = None) -> Installed:
    """Apply a folder of manifests and return when everything in it is available.

    `archive` is the image; default: that of this checkout. Raises what `releasing.image.archive`
    does, KubectlError, and StepError when a program does not get ready.
    """
    api.load_image(cluster, archive or image.archive())
    kubectl(cluster, "apply", "--server-side", "--force-conflicts", "-k", str(manifests))
    found = Installed(cluster)
    await_rollouts(found.stage)
    return Installed(cluster, restarts(found.stage), micro_time(utc_now()))


def await_rollouts(stage: Stage) -> None:
    """Return when every Deployment of ours has rolled out."""
    for deployment in stage.items("deployments", OURS):
        expect.all_rolled_out(stage, deployment["metadata"]["name"])


def scale(stage: Stage, deployment: str, replicas: int) -> None:
    """Have so many copies of a program."""
    stage.act("scale", f"deployment/{deployment}", f"--replicas={replicas}")


def pods(stage: Stage, program: str) -> list[Mapping[str, Any]]:
    """The pods of a program, the ones on their way out too."""
    return stage.items("pods", f"--selector=app.kubernetes.io/name={program}")


def containers(stage: Stage) -> dict[str, Mapping[str, Any]]:
    """The status of each container of ours, by POD/CONTAINER."""
    return {
        f"{pod['metadata']['name']}/{status['name']}": status
        for pod in stage.items("pods", OURS)
        for status in pod["status"].get("containerStatuses") or ()
    }


def restarts(stage: Stage) -> Restarts:
    """How often each container of ours was restarted so far."""
    return {name: status["restartCount"] for name, status in containers(stage).items()}
