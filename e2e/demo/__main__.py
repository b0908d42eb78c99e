"""`python -m e2e.demo`: bring up what is missing, play the story, leave it up to be looked at.

Exit status: 0 when every step happened, 1 when one did not, 130 when interrupted.
"""

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import FrameType

from rich.console import Console

from e2e import prerequisites, program
from e2e.cluster import api, turns
from e2e.cluster.health import last_lines
from e2e.cluster.model import Cluster, ClusterError, Tier
from e2e.cluster.prerequisites import missing
from e2e.demo import tiers
from e2e.demo.narrator import Narrator
from e2e.demo.recording import recorded
from e2e.loopback import servers
from e2e.program import ProgramError
from e2e.reach import reach_pods
from e2e.servers.catalog import IMAGES
from e2e.servers.images import BuildError
from e2e.servers.prerequisites import ServerUnavailableError
from e2e.servers.processes import StartError
from e2e.story import on_loopback, on_node, workloads
from e2e.story.scene import Scene
from e2e.story.stage import KubectlError, Stage, StepError

NAME = "demo"
SHOWN_IMAGES = ("triton", "asr", "redis")
FAILURES = (
    StepError,
    KubectlError,
    ClusterError,
    ProgramError,
    ServerUnavailableError,
    BuildError,
    StartError,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Play the demo, or clean up after it; returns the exit status."""
    options = _parser().parse_args(arguments)
    # Taken like Ctrl-C, so that a start that is cut off removes what it made.
    signal.signal(signal.SIGTERM, _interrupt)
    if options.clean:
        return clean()
    narrator = Narrator(Console())
    asked = Tier(options.tier) if options.tier else None
    try:
        perform(asked, narrator, options.record)
    except FAILURES as error:
        narrator.failed(str(error))
        _after_failure(narrator, logged=isinstance(error, ProgramError))
        return 1
    except KeyboardInterrupt:
        narrator.failed("interrupted; what is up so far goes away by: make clean-demo")
        return 130
    return 0


def perform(asked: Tier | None, narrator: Narrator, picture: Path | None) -> None:
    """The whole demo; raises one of FAILURES at the first step that does not happen.

    `picture` is where to draw what `kubectl get ihp -w` printed meanwhile.
    """
    machine = tiers.look_at_machine(equipped=not missing(prerequisites.requirements()))
    choice = tiers.choose(asked, os.environ.get("CLUSTER"), machine)
    narrator.scene("A cluster", f"The {choice.tier} tier: {choice.reason}.")
    if choice.tier is Tier.SCALE:
        narrator.says(tiers.NOT_SHOWN)
        # Its servers belong to the pods of that cluster, so both begin anew.
        take_down()
    env = {**os.environ, **({"CLUSTER": choice.provider} if choice.provider else {})}
    node = choice.tier is Tier.NODE
    archives = [IMAGES[name]() for name in SHOWN_IMAGES] if node else []
    with turns.real_node(keeping=NAME) if node else contextlib.nullcontext():
        cluster = api.up(choice.tier, name=NAME, gives_way=True, env=env)
        for archive in archives:
            api.load_image(cluster, archive)
        reach_pods(cluster)
        program.install(cluster)
        narrator.saw([f"Kubernetes is up; KUBECONFIG={cluster.kubeconfig}", *map(_image, archives)])
        with recorded(cluster, NAME, picture) if picture else contextlib.nullcontext():
            _play(cluster, narrator)
        _curtain(cluster, narrator)


def clean() -> int:
    """Take down what a demo left up; returns the exit status."""
    try:
        removed = take_down()
    except ClusterError as error:
        print(error, file=sys.stderr)
        return 1
    print("the demo is taken down" if removed else "no demo is up")
    return 0


def take_down() -> bool:
    """Stop the operator, then the cluster with all that belongs to it; False when none was up."""
    with contextlib.suppress(ClusterError):  # a half-started cluster has no operator
        if operator := program.find(api.find(NAME)):
            operator.stop()
    return api.down_by_name(NAME)


def _play(cluster: Cluster, narrator: Narrator) -> None:
    if old := program.find(cluster):
        old.stop()
    stage = workloads.fresh_namespace(cluster, NAME, narrator)

    def start_operator() -> str:
        program.start_operator(cluster, log=program.log_of(cluster))
        return "ihp run &"

    if cluster.tier is Tier.NODE:
        _tell(on_node.scenes(stage, start_operator), narrator)
        return
    with servers.marked(cluster):
        _tell(on_loopback.scenes(servers.start(stage), start_operator), narrator)


def _tell(scenes: Iterable[Scene], narrator: Narrator) -> None:
    for scene in scenes:
        narrator.scene(scene.title, scene.says)
        narrator.saw(scene.play())


def _curtain(cluster: Cluster, narrator: Narrator) -> None:
    narrator.scene("What is there now", "All of it happened; a last look at everything.")
    stage = Stage(cluster, NAME, narrator)
    for kind in ("ihp", "ihr", "pods"):
        narrator.typed(f"kubectl -n {NAME} get {kind}")
        narrator.saw(stage.table(kind).splitlines())
    narrator.scene(
        "Look for yourself",
        f"It took {narrator.elapsed():.0f} s. It is still up (make test takes it down):",
    )
    for command in (
        f'eval "$({os.path.relpath(sys.executable)} -m e2e.cluster env --name {NAME})"',
        f"kubectl -n {NAME} get ihp -o wide",
        f"kubectl -n {NAME} get ihr",
        f"kubectl -n {NAME} get deployment triton -o yaml --show-managed-fields",
        f"kubectl -n {NAME} get events",
        "kubectl explain ihp.spec.probes.budgets",
        f"tail -f {program.log_of(cluster)}",
        "make clean-demo",
    ):
        narrator.typed(command)


def _after_failure(narrator: Narrator, *, logged: bool) -> None:
    try:
        cluster = api.find(NAME)
    except ClusterError:
        return
    if not logged:
        narrator.says(last_lines(program.log_of(cluster)))
    narrator.says("it is still up to be looked at:")
    narrator.typed(f'eval "$({os.path.relpath(sys.executable)} -m e2e.cluster env --name {NAME})"')
    narrator.typed("make clean-demo")


def _image(archive: object) -> str:
    return f"image {str(archive).rpartition('/')[2]} is on the node"


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m e2e.demo", description=__doc__)
    tier_names = [str(Tier.NODE), str(Tier.SCALE)]
    parser.add_argument("--tier", choices=tier_names, help="default: what this machine can run")
    parser.add_argument("--record", type=Path, help="draw what kubectl get ihp -w prints (SVG)")
    parser.add_argument("--clean", action="store_true", help="take down what a demo left up")
    return parser


if __name__ == "__main__":
    sys.exit(main())
