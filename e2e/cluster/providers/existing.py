"""The provider that uses a cluster of the user's, named explicitly and never taken down."""

import os
import shutil
import subprocess
from pathlib import Path

from e2e.cluster.model import ClusterError, ProviderName
from e2e.cluster.processes import identify
from e2e.cluster.provider import Health, Provider, Request
from e2e.cluster.state import State, discard, save


def start(request: Request) -> State:
    """Take a copy of the named kubeconfig, if its API server answers; see `Provider`."""
    kubeconfig = Path(request.env["CLUSTER_KUBECONFIG"])
    if not kubeconfig.is_file():
        raise ClusterError(f"CLUSTER_KUBECONFIG={kubeconfig}: there is no such file")
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        raise ClusterError("CLUSTER=existing needs kubectl on the PATH")
    starter = identify(os.getpid())
    assert starter is not None
    state = State(
        name=request.name,
        tier=request.tier,
        provider=ProviderName.EXISTING,
        phase="up",
        starter=starter,
        owner=request.owner,
        kubeconfig=str(request.folder / "kubeconfig"),
        kubectl=kubectl,
    )
    save(request.folder, state)
    try:
        _copy_kubeconfig(request, state)
        _require_answer(request, state)
    except BaseException:
        stop(request.folder, state)
        raise
    return state


def stop(folder: Path, _state: State) -> None:
    """Forget the cluster; it is not ours to take down."""
    discard(folder)


def status(_folder: Path, state: State) -> list[Health]:
    """Whether the API server is ready."""
    command = (state.kubectl, "--kubeconfig", state.kubeconfig, "get", "--raw", "/readyz")
    result = subprocess.run(command, capture_output=True, check=False)
    return [Health("kube-apiserver", None, "well" if result.returncode == 0 else "unwell")]


def load_image(_folder: Path, state: State, archive: Path) -> None:
    """There is no way into somebody else's nodes."""
    raise ClusterError(
        f"cluster {state.name} is an existing one: push {archive} to a registry it can pull from"
    )


def _require_answer(request: Request, state: State) -> None:
    if any(health.health != "well" for health in status(request.folder, state)):
        raise ClusterError(f"the cluster of {request.env['CLUSTER_KUBECONFIG']} does not answer")


def _copy_kubeconfig(request: Request, state: State) -> None:
    # A copy of one context, so that nothing we do changes the user's file or follows its changes.
    context = request.env.get("CLUSTER_CONTEXT")
    command = [
        state.kubectl,
        "--kubeconfig",
        request.env["CLUSTER_KUBECONFIG"],
        *(["--context", context] if context else []),
        "config",
        "view",
        "--raw",
        "--flatten",
        "--minify",
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise ClusterError(f"CLUSTER_KUBECONFIG: {result.stderr.strip()}")
    target = Path(state.kubeconfig)
    target.touch(mode=0o600)
    target.write_text(result.stdout)


EXISTING = Provider(start=start, stop=stop, load_image=load_image, status=status)
