"""The provider that runs a node as a container: kind, built from its own pinned Go module."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from e2e.cluster import builds
from e2e.cluster.choice import node_image
from e2e.cluster.model import ClusterError, ProviderName
from e2e.cluster.processes import identify
from e2e.cluster.progress import to_stderr
from e2e.cluster.provider import Health, Provider, Request
from e2e.cluster.state import State, discard, load, locked, save

CONFIG = Path(__file__).parent.parent / "kind.yaml"
# kubeadm inside the node takes one to two minutes; a laptop on battery longer.
READY_PATIENCE = "300s"
KUBECTL = next(program for program in builds.CONTROL_PLANE if program.name == "kubectl")


def start(request: Request) -> State:
    """Start a kind cluster; see `Provider`."""
    programs = builds.ensure((builds.KIND, *_kubectl_to_build()), request.progress)
    state = _reserve(request, programs)
    try:
        with request.progress.task(f"kind cluster {kind_name(request.name)}"):
            _kind(programs["kind"], create_arguments(state, node_image(request.env)))
    except BaseException:
        stop(request.folder, state)
        raise
    return state.model_copy(update={"phase": "up"})


def stop(folder: Path, state: State) -> None:
    """Delete the kind cluster; see `Provider`."""
    kind = builds.ensure([builds.KIND], to_stderr())["kind"]
    kubeconfig = ("--kubeconfig", state.kubeconfig)
    _kind(kind, ("delete", "cluster", "--name", kind_name(state.name), *kubeconfig))
    discard(folder)


def status(_folder: Path, state: State) -> list[Health]:
    """Whether the API server in the node is ready."""
    command = (state.kubectl, "--kubeconfig", state.kubeconfig, "get", "--raw", "/readyz")
    result = subprocess.run(command, capture_output=True, check=False)
    return [Health("kube-apiserver", None, "well" if result.returncode == 0 else "unwell")]


def load_image(_folder: Path, state: State, archive: Path) -> None:
    """Copy an image archive into the node."""
    kind = builds.ensure([builds.KIND], to_stderr())["kind"]
    _kind(kind, ("load", "image-archive", str(archive), "--name", kind_name(state.name)))


def kind_name(name: str) -> str:
    """The name that kind, and the engine's list of containers, knows a cluster by."""
    return f"inferencehealth-{name}"


def create_arguments(state: State, image: str) -> tuple[str, ...]:
    """kind's arguments that create a cluster and write its kubeconfig nowhere but to our file."""
    return (
        "create",
        "cluster",
        "--name",
        kind_name(state.name),
        "--config",
        str(CONFIG),
        "--image",
        image,
        "--kubeconfig",
        state.kubeconfig,
        "--wait",
        READY_PATIENCE,
    )


def _reserve(request: Request, programs: Mapping[str, Path]) -> State:
    starter = identify(os.getpid())
    assert starter is not None
    with locked(request.home):
        if load(request.folder):
            raise ClusterError(f"cluster {request.name} is being started by somebody else")
        state = State(
            name=request.name,
            tier=request.tier,
            provider=ProviderName.KIND,
            phase="starting",
            starter=starter,
            owner=request.owner,
            kubeconfig=str(request.folder / "kubeconfig"),
            kubectl=shutil.which("kubectl") or str(programs["kubectl"]),
        )
        save(request.folder, state)
        return state


def _kubectl_to_build() -> tuple[builds.Program, ...]:
    # Compiling kubectl takes longer than kind itself; the user's own will do.
    return () if shutil.which("kubectl") else (KUBECTL,)


def _kind(kind: Path, arguments: Sequence[str]) -> None:
    command = [str(kind), *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise ClusterError(
            f"kind {' '.join(arguments[:2])} failed:\n{result.stderr.strip()[-2000:]}"
        )


KIND = Provider(start=start, stop=stop, load_image=load_image, status=status)
