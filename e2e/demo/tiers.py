"""Which tier the demo plays on, decided from the machine; and what the lesser one cannot show."""

import os
import platform
import shutil
from collections.abc import Mapping
from dataclasses import dataclass

from e2e.cluster.choice import look_around
from e2e.cluster.model import ClusterError, Tier

NOT_SHOWN = (
    "Without a kubelet nobody runs the probes: what is injected is shown, but no pod leaves "
    "traffic or is restarted by it, and Services have no EndpointSlices. Root on Linux, or a "
    "container engine that answers, shows that, too."
)


@dataclass(frozen=True, slots=True)
class Machine:
    """What decides."""

    linux: bool
    root: bool
    engine: bool
    equipped: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """A tier, where its cluster shall come from (None: as e2e.cluster decides), and why."""

    tier: Tier
    provider: str | None
    reason: str


def choose(asked: Tier | None, provider: str | None, machine: Machine) -> Choice:
    """The tier to play on; raises ClusterError when nothing can run here.

    `provider` is what CLUSTER names. Root on Linux gets its node from source even where Docker
    answers: there the operator, which runs outside the cluster, reaches the pods.
    """
    if asked is not None:
        from_source = machine.linux and (machine.root or asked is not Tier.NODE)
        return Choice(asked, provider or ("source" if from_source else None), "as asked")
    if provider in {"kind", "existing"}:
        return Choice(Tier.NODE, provider, f"CLUSTER={provider}")
    if machine.linux and machine.root and machine.equipped:
        return Choice(Tier.NODE, "source", "root on Linux: a kubelet of our own")
    if machine.engine:
        return Choice(Tier.NODE, "kind", "a container engine answers")
    if machine.linux:
        lacking = "packages are missing (make setup-system)" if machine.root else "no root"
        return Choice(Tier.SCALE, "source", f"{lacking}, and no container engine answers")
    raise ClusterError(
        "nothing to play on: the local cluster needs Linux, and no container engine answers; "
        "remedy: start Docker or Podman, or use a Linux machine"
    )


def look_at_machine(*, equipped: bool, env: Mapping[str, str] = os.environ) -> Machine:
    """What this machine is like; the engine is asked only where it matters."""
    linux, root = platform.system() == "Linux", os.geteuid() == 0
    alone = linux and root and equipped
    engine = bool(shutil.which("docker") or shutil.which("podman")) and not alone
    around = look_around(env, Tier.NODE) if engine else None
    answers = around is not None and around.engine is not None and around.image_problem is None
    return Machine(linux, root, answers, equipped)
