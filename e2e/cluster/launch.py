"""Start the components of a built cluster in their order, each ready before the next needs it."""

import http.client
import ssl
from dataclasses import dataclass, field

from e2e.cluster import controlplane, health, node, processes, world
from e2e.cluster.images import single_binary_archive
from e2e.cluster.layout import NODE_NAME, Component, Layout
from e2e.cluster.model import ClusterError, Tier
from e2e.cluster.processes import ProcessId
from e2e.cluster.progress import Progress

# Room for 20,000 fake pods; the scheduler looks at every node for every pod.
FAKE_NODES = 20
PODS_PER_FAKE_NODE = 1000
WORLD = "world"


@dataclass(frozen=True, slots=True)
class Launch:
    """A start under way: what runs so far (added to as it goes on), and whom to tell."""

    layout: Layout
    progress: Progress
    context: ssl.SSLContext
    running: dict[str, ProcessId] = field(default_factory=dict)


def launch(layout: Layout, progress: Progress) -> None:
    """Start everything and return when the cluster can be used.

    Raises ClusterError naming the component that died or did not get ready; what was started
    then still runs.
    """
    start = Launch(layout, progress, health.trust(layout.pki))
    real_node = layout.tier is Tier.NODE
    if real_node:
        _open_world(start)
    store, server, *controllers = controlplane.components(layout)
    _run(start, [store, *([node.containerd(layout)] if real_node else [])])
    _run(start, [server])
    if real_node:
        _import_pause_image(start)
        controllers += [node.kubelet(layout), node.kube_proxy(layout)]
    _run(start, controllers)
    if layout.tier is Tier.SCALE:
        for number in range(FAKE_NODES):
            _create(start, "/api/v1/nodes", fake_node(number))
    _await_pods_possible(start)


def fake_node(number: int) -> dict[str, object]:
    """A Node object that kwok keeps alive."""
    name = f"fake-{number}"
    capacity = {"cpu": "10k", "memory": "100Ti", "pods": str(PODS_PER_FAKE_NODE)}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "status": {"capacity": capacity, "allocatable": capacity},
    }


def _open_world(start: Launch) -> None:
    with start.progress.task("node's own namespaces"):
        _spawn(start, WORLD, world.init_command(start.layout))
        is_up = start.layout.folder / world.UP_FILE
        health.wait(WORLD, is_up.exists, start.running, start.layout)
        world.connect(_world_pid(start))


def _world_pid(start: Launch) -> int:
    if pid := world.init_pid(start.running[WORLD].pid):
        return pid
    raise ClusterError(f"the node's namespaces are gone.\n{_log_of(start, WORLD)}")


def _run(start: Launch, components: list[Component]) -> None:
    # All first, then wait for each: they get ready side by side.
    for component in components:
        outside = component.inside == "host"
        argv = component.argv
        if not outside:
            argv = world.enter(_world_pid(start), component.inside, argv)
        _spawn(start, component.name, argv)
    for component in components:
        with start.progress.task(component.name):
            _wait_well(start, component)


def _wait_well(start: Launch, component: Component) -> None:
    health.wait(
        component.name,
        lambda: health.is_well(component, start.context),
        start.running,
        start.layout,
    )


def _spawn(start: Launch, name: str, argv: tuple[str, ...]) -> None:
    start.running[name] = processes.spawn(
        argv,
        log=start.layout.log(name),
        record=start.layout.folder / "processes" / f"{name}.json",
        state_dir=start.layout.folder,
    )


def _import_pause_image(start: Launch) -> None:
    layout = start.layout
    archive = layout.folder / "pause.tar"
    single_binary_archive(layout.programs["pause"], node.PAUSE_IMAGE, archive)
    node.import_image(layout.programs["ctr"], layout.socket, archive)


def _create(start: Launch, path: str, body: object) -> None:
    url = f"{start.layout.server}{path}"
    status, answer = health.request(url, start.context, method="POST", body=body)
    if status != http.HTTPStatus.CREATED:
        raise ClusterError(f"POST {path} answered {status}: {answer.decode()[:300]}")


def _await_pods_possible(start: Launch) -> None:
    if start.layout.tier is not Tier.INTEGRATION:
        with start.progress.task("nodes Ready"):
            health.wait("nodes", lambda: _nodes_are_ready(start), start.running, start.layout)
    if "kube-controller-manager" in start.running:
        # Pods are refused until their namespace has it.
        path = "/api/v1/namespaces/default/serviceaccounts/default"
        with start.progress.task("default ServiceAccount"):
            health.wait("account", lambda: bool(_get(start, path)), start.running, start.layout)


def _nodes_are_ready(start: Launch) -> bool:
    wanted = {NODE_NAME}
    if start.layout.tier is Tier.SCALE:
        wanted = {f"fake-{number}" for number in range(FAKE_NODES)}
    items = (_get(start, "/api/v1/nodes") or {}).get("items", [])
    return wanted <= {item["metadata"]["name"] for item in items if health.node_is_ready(item)}


def _get(start: Launch, path: str) -> dict[str, list[dict[str, dict[str, str]]]] | None:
    return health.fetch(f"{start.layout.server}{path}", start.context)


def _log_of(start: Launch, name: str) -> str:
    return health.last_lines(start.layout.log(name))
