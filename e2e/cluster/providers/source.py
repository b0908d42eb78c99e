"""The provider that runs Kubernetes as processes, built from pinned Go modules."""

import datetime as dt
import os
import random
from collections.abc import Mapping
from pathlib import Path
from string import Template

from e2e.cluster import builds, controlplane, health, node, ports, prerequisites, processes, world
from e2e.cluster.certs import write_kubeconfigs, write_pki
from e2e.cluster.launch import launch
from e2e.cluster.layout import PORT_NAMES, Component, Layout
from e2e.cluster.model import ClusterError, ProviderName, Tier
from e2e.cluster.progress import to_stderr
from e2e.cluster.provider import Health, Provider, Request
from e2e.cluster.state import State, discard, load_all, locked, save

CONFIG = Path(__file__).parent.parent / "config"
ASSETS = "KUBEBUILDER_ASSETS"
# The minor of the API server, for the integration tier; unset: the newest.
MINOR = "KUBERNETES"
# kubelet starts processes while it is being killed; the second look finds those.
KILL_ROUNDS = 3


def start(request: Request) -> State:
    """Start a cluster of processes; see `Provider`."""
    prerequisites.check(request.tier)
    programs = _programs(request)
    state = _reserve(request)
    layout = layout_of(request.folder, state, programs)
    try:
        if request.tier is Tier.NODE:
            world.prepare(layout)
        _write_files(layout)
        launch(layout, request.progress)
    except BaseException:
        # Also on Ctrl-C: what was started must not outlive the attempt.
        stop(request.folder, state)
        raise
    return state.model_copy(update={"phase": "up"})


def stop(folder: Path, state: State) -> None:
    """End all that belongs to a cluster and forget it; see `Provider`."""
    for _ in range(KILL_ROUNDS):
        known = [*processes.recorded(folder / "processes").values(), *processes.marked(folder)]
        processes.kill(set(known))
    left = [f"process {process.pid}" for process in processes.marked(folder)]
    if state.tier is Tier.NODE:
        left += world.remove_traces(folder, f"ihp-{state.name}")
    if left:
        raise ClusterError(f"could not remove {', '.join(left)}; {folder} is kept: try again")
    discard(folder)


def status(folder: Path, state: State) -> list[Health]:
    """What runs and whether it is well."""
    layout = layout_of(folder, state, _names_only(state))
    known = processes.recorded(folder / "processes")
    context = health.trust(layout.pki)
    found = []
    for component in components(layout):
        if process := known.get(component.name):
            alive = processes.is_alive(process)
            well = alive and health.is_well(component, context)
            text = "well" if well else "unwell" if alive else "dead"
            found.append(Health(component.name, process.pid, text))
    return found


def load_image(folder: Path, state: State, archive: Path) -> None:
    """Give an image to containerd."""
    if state.tier is not Tier.NODE:
        raise ClusterError(f"cluster {state.name} is of the {state.tier} tier and runs no images")
    layout = layout_of(folder, state, builds.ensure(builds.NODE, to_stderr()))
    node.import_image(layout.programs["ctr"], layout.socket, archive)


def layout_of(folder: Path, state: State, programs: Mapping[str, Path]) -> Layout:
    """Where the things of a cluster are, from what was written down about it."""
    return Layout(
        name=state.name,
        tier=state.tier,
        folder=folder,
        ports=state.ports,
        programs=programs,
        audit=state.audit,
    )


def components(layout: Layout) -> list[Component]:
    """Everything that runs for a cluster, in the order of starting."""
    real_node = layout.tier is Tier.NODE
    return controlplane.components(layout) + (node.components(layout) if real_node else [])


def assets(env: Mapping[str, str]) -> dict[str, Path]:
    """The programs in the folder that KUBEBUILDER_ASSETS names; raises ClusterError.

    The folder that setup-envtest makes has etcd, kube-apiserver and kubectl.
    """
    folder = Path(env[ASSETS])
    names = [program.name for program in builds.CONTROL_PLANE]
    found = {name: folder / name for name in names if os.access(folder / name, os.X_OK)}
    if absent := {"etcd", "kube-apiserver", "kubectl"} - found.keys():
        raise ClusterError(
            f"{ASSETS}={folder} has no {', '.join(sorted(absent))}; remedy: unset {ASSETS}"
        )
    return found


def _programs(request: Request) -> dict[str, Path]:
    if request.tier is Tier.INTEGRATION and request.env.get(MINOR):
        return builds.ensure(builds.control_plane(request.env[MINOR]), request.progress)
    if request.tier is Tier.INTEGRATION and request.env.get(ASSETS):
        return assets(request.env)
    return builds.ensure(builds.PROGRAMS[request.tier], request.progress)


def _names_only(state: State) -> dict[str, Path]:
    # A health check needs no program, only to know which components there are.
    return {program.name: Path(program.name) for program in builds.PROGRAMS[state.tier]}


def _reserve(request: Request) -> State:
    # Under the lock, so that two clusters started at once get different names and ports.
    with locked(request.home):
        others = load_all(request.home)
        if request.folder in others:
            raise ClusterError(f"cluster {request.name} is being started by somebody else")
        if request.tier is Tier.NODE:
            _refuse_second_node(others)
        candidates = random.sample(ports.RANGE, k=len(ports.RANGE))
        taken = {port for state in others.values() for port in state.ports.values()}
        starter = processes.identify(os.getpid())
        assert starter is not None
        state = State(
            name=request.name,
            tier=request.tier,
            provider=ProviderName.SOURCE,
            phase="starting",
            starter=starter,
            owner=request.owner,
            ports=ports.choose(
                PORT_NAMES[request.tier],
                candidates=candidates,
                taken=taken,
                is_free=ports.is_free,
            ),
            kubeconfig=str(request.folder / "kubeconfig"),
            kubectl=str(_kubectl(request)),
            audit=request.audit,
        )
        save(request.folder, state)
        return state


def _kubectl(request: Request) -> Path:
    if request.tier is Tier.INTEGRATION and request.env.get(ASSETS) and not request.env.get(MINOR):
        return Path(request.env[ASSETS]) / "kubectl"
    return next(builds.path_of(p) for p in builds.CONTROL_PLANE if p.name == "kubectl")


def _refuse_second_node(others: Mapping[Path, State]) -> None:
    for state in others.values():
        if state.tier is Tier.NODE and state.provider is ProviderName.SOURCE:
            raise ClusterError(
                f"cluster {state.name} has the one real node of this machine; "
                f"remedy: python -m e2e.cluster down --name {state.name}"
            )
    if conflict := world.occupied_routes(world.routes()):
        raise ClusterError(
            f"the node tier needs {conflict}, which this machine routes elsewhere already; "
            "remedy: take down the other cluster or VPN that uses it"
        )


def _write_files(layout: Layout) -> None:
    for folder in ("logs", "processes", "pki", "etcd"):
        (layout.folder / folder).mkdir(mode=0o700)
    identities = dict(controlplane.IDENTITIES)
    if layout.tier is Tier.NODE:
        identities |= node.NODE_IDENTITIES
    write_pki(layout.pki, identities, dt.datetime.now(dt.UTC))
    users = [name for name in identities if not name.endswith("server")]
    write_kubeconfigs(layout.pki, layout.server, users)
    (layout.pki / "admin.kubeconfig").rename(layout.folder / "kubeconfig")
    _copy(layout, "audit-policy.yaml", {})
    if layout.tier is Tier.NODE:
        values = node.config_values(layout, prerequisites.cni_folder())
        for name in node.CONFIG_FILES:
            _copy(layout, name, values)


def _copy(layout: Layout, name: str, values: Mapping[str, str]) -> None:
    target = layout.folder / ("cni/" if name.endswith(".conflist") else "") / name
    target.parent.mkdir(exist_ok=True)
    target.write_text(Template((CONFIG / name).read_text()).substitute(values))


SOURCE = Provider(start=start, stop=stop, load_image=load_image, status=status)
