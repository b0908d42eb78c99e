"""A workload in calm waters: deployed, with our probes, Ready; what must not change about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from e2e.story import expect, faults, seen, workloads
from e2e.story.seen import Pod
from e2e.story.stage import Stage, StepError

APP = "triton"
MODEL = "slow"
RECOVERY = 240.0
"""Seconds for everything to be well again after a part of the cluster was away."""


@dataclass(frozen=True, slots=True)
class Calm:
    """The pods and the template as they were when everything was well."""

    stage: Stage
    pods: tuple[tuple[str, str, int], ...]
    generation: int
    probes: Mapping[str, Mapping[str, Any]]

    def is_unchanged(self) -> None:
        """The same pods run, none was restarted, and the Deployment is as it was."""
        now = look(self.stage)
        if now != self:
            raise StepError(f"nothing changed about deployment/{APP}: {self}. Seen instead: {now}")

    def is_checked(self) -> None:
        """A model that goes is noticed, and so is that it came back: verdicts are not leftovers."""
        is_ready(self.stage)
        # A kubelet that has just started serves on before it lets anybody in.
        self.stage.eventually(
            f"a command runs in deployment/{APP}",
            lambda: self.stage.act("exec", f"deployment/{APP}", "--", "echo", "in"),
            lambda said: said.strip() == "in",
            within=RECOVERY,
        )
        faults.unload_model(self.stage, MODEL)
        told(self.stage, "False")
        faults.load_model(self.stage, MODEL)
        is_ready(self.stage)


def in_calm(stage: Stage) -> Calm:
    """Deploy a Triton and a policy in mode Apply, and wait until all is well."""
    workloads.deploy(stage, APP, workloads.environment(APP, {"SLOW_SECONDS": "1"}))
    workloads.apply_policy(
        stage,
        workloads.POLICIES / "triton.yaml",
        workloads.spec_of_policy(("probes", "mode"), "Apply"),
    )
    expect.injected(stage, APP)
    expect.rolled_out(stage, APP)
    is_ready(stage)
    return look(stage)


def look(stage: Stage) -> Calm:
    """How the workload is now."""
    return Calm(
        stage,
        tuple(_identity(pod) for pod in seen.pods(stage, APP)),
        seen.rollout(stage, APP).generation,
        seen.probes(stage, APP),
    )


def is_ready(stage: Stage) -> None:
    """The policy is Ready, within the time that a cluster takes to find itself again."""
    told(stage, "True")


def told(stage: Stage, status: str) -> None:
    """The policy's condition Ready gets that status."""
    stage.eventually(
        f"policy {APP}: Ready={status}",
        lambda: seen.policy(stage, APP),
        lambda found: (seen.condition(found, "Ready") or ("",))[0] == status,
        within=RECOVERY,
        show=seen.policy_in_words,
    )


def _identity(pod: Pod) -> tuple[str, str, int]:
    return pod.name, pod.uid, pod.restarts
