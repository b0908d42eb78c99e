"""A world for the real node: namespaces of its own, so that nothing of it reaches the host.

The node's processes, mounts, interfaces and packet filter rules live in namespaces that hang on
one process. When that process ends, by `down` or by a crash, the kernel removes all of them. On
the host there are only one end of a cable and one route (which go with the other end), control
groups, and kernel settings that kubelet changes; `remove_traces` takes those back.
"""

import contextlib
import ipaddress
import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from e2e.cluster.layout import HOST_ADDRESS, NODE_ADDRESS, PODS, SERVICES, Layout
from e2e.cluster.model import ClusterError
from e2e.cluster.prerequisites import program

INIT = Path(__file__).parent / "init.py"
UP_FILE = "world-is-up"
HOST_CABLE = "ihp-host"
NODE_CABLE = "ihp-cable"
BRIDGE = "ihp-bridge"
# A bridge without an address of its own changes it with every pod, and neighbours lose it.
BRIDGE_MAC = "02:69:68:70:00:01"
# sockaddr_un(7) has room for 108 bytes, one of which ends the path.
SOCKET_PATH_LIMIT = 107
# Folders of the host that programs of a node write to whatever they are told.
PRIVATE = ("/run", "/var/lib", "/var/log")
# What kubelet sets for the whole machine (its container manager's kernel defaults).
KERNEL_SETTINGS = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)
CGROUPS = Path("/sys/fs/cgroup")
# Killed processes leave their control groups a moment after they have been waited for.
CGROUP_PATIENCE = 5.0


def init_command(layout: Layout) -> tuple[str, ...]:
    """The command that makes the namespaces and holds them open."""
    script = "\n".join(
        [
            # Shared again among ourselves: kubelet's mounts must reach containers.
            "mount --make-rshared /",
            *(f'mount --bind "$0{path}" {path}' for path in PRIVATE),
            'exec "$@"',
        ]
    )
    unshare = ("--mount", "--net", "--pid", "--ipc", "--fork", "--kill-child", "--mount-proc")
    init = (sys.executable, "-I", "-S", str(INIT), str(layout.folder / UP_FILE))
    shell = ("sh", "-ec", script, str(layout.folder / "private"))
    return (program("unshare"), *unshare, "--propagation", "private", *shell, *init)


def init_pid(unshare_pid: int) -> int | None:
    """The process that holds the namespaces: the child that `unshare` waits for."""
    with contextlib.suppress(OSError):
        children = Path(f"/proc/{unshare_pid}/task/{unshare_pid}/children").read_text().split()
        return int(children[0]) if children else None
    return None


def enter(pid: int, inside: str, argv: Sequence[str]) -> tuple[str, ...]:
    """A command line, run in the node's network only, or as a process of the node."""
    if inside == "host":
        return tuple(argv)
    spaces = ("--net",) if inside == "network" else ("--mount", "--net", "--pid", "--ipc")
    return (program("nsenter"), "--target", str(pid), *spaces, "--", *argv)


def prepare(layout: Layout) -> None:
    """Make the folders that the world mounts; raises ClusterError where it would hide itself."""
    for path in (layout.folder, *layout.programs.values()):
        if any(path.is_relative_to(hidden) for hidden in PRIVATE):
            raise ClusterError(
                f"{path} is below {' or '.join(PRIVATE)}, which the node replaces with folders of "
                "its own; set XDG_STATE_HOME and XDG_CACHE_HOME to another place"
            )
    if len(bytes(layout.socket)) > SOCKET_PATH_LIMIT:
        raise ClusterError(f"{layout.socket} is too long for a socket; set XDG_STATE_HOME")
    for hidden in PRIVATE:
        (layout.folder / "private" / hidden[1:]).mkdir(parents=True)
    (layout.folder / "kernel.json").write_text(json.dumps(kernel_settings()))
    for root in cgroup_roots(CGROUPS):
        (root / layout.cgroup).mkdir(exist_ok=True)
        _inherit_cpus(root, root / layout.cgroup)


def connect(pid: int) -> None:
    """Lay the cable between the host and the node's bridge."""
    ip = program("ip")
    net = str(pid)
    _run([ip, "link", "add", HOST_CABLE, "type", "veth", "peer", NODE_CABLE, "netns", net])
    commands = f"""
        ip link set lo up
        ip link add {BRIDGE} address {BRIDGE_MAC} type bridge
        ip address add {NODE_ADDRESS}/{PODS.partition("/")[2]} dev {BRIDGE}
        ip link set {NODE_CABLE} master {BRIDGE} up
        ip link set {BRIDGE} up
        ip route add {SERVICES} dev {BRIDGE}
        echo 1 > /proc/sys/net/ipv4/ip_forward
        echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables
    """
    _run(enter(pid, "network", ["/bin/sh", "-ec", commands]))
    _run([ip, "address", "add", f"{HOST_ADDRESS}/{PODS.partition('/')[2]}", "dev", HOST_CABLE])
    _run([ip, "link", "set", HOST_CABLE, "up"])
    _run([ip, "route", "add", SERVICES, "via", NODE_ADDRESS, "dev", HOST_CABLE])


def occupied_routes(routes: Sequence[Mapping[str, object]]) -> str | None:
    """The first network of ours that a route of the host has already; None when all are free.

    `routes` is what `ip -json route` prints. A route to everywhere else is no conflict.
    """
    ours = [ipaddress.ip_network(PODS), ipaddress.ip_network(SERVICES)]
    for route in routes:
        destination = str(route["dst"])
        if destination == "default":
            continue
        theirs = ipaddress.ip_network(destination, strict=False)
        if conflict := next((network for network in ours if network.overlaps(theirs)), None):
            return f"{conflict} (route {destination} by {route.get('dev')})"
    return None


def routes() -> list[dict[str, object]]:
    """The host's IPv4 routes."""
    answer = _run([program("ip"), "-4", "-json", "route"])
    found: list[dict[str, object]] = json.loads(answer)
    return found


def kernel_settings() -> dict[str, str]:
    """The kernel settings that a kubelet changes, as they are now."""
    paths = {name: Path("/proc/sys") / name for name in KERNEL_SETTINGS}
    return {name: path.read_text().strip() for name, path in paths.items() if path.exists()}


def changed(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """The settings to write to get back to how it was before."""
    return {name: value for name, value in before.items() if now.get(name) != value}


def remove_traces(folder: Path, cgroup: str) -> list[str]:
    """Take back what a node's world left on the host, once its processes are gone.

    Returns what could not be removed, as sentences; may be called again.
    """
    # It goes by itself with the namespace, but some time after the last process.
    subprocess.run([program("ip"), "link", "delete", HOST_CABLE], check=False, capture_output=True)
    groups = [root / cgroup for root in cgroup_roots(CGROUPS)]
    left = [f"control group {group}" for group in groups if not _remove_cgroup(group)]
    record = folder / "kernel.json"
    if record.exists():
        before: dict[str, str] = json.loads(record.read_text())
        for name, value in changed(before, kernel_settings()).items():
            (Path("/proc/sys") / name).write_text(value)
        record.unlink()
    return left


def cgroup_roots(mounted: Path) -> list[Path]:
    """The roots of the control group trees: one for version 2, one a controller for version 1."""
    if (mounted / "cgroup.controllers").exists():
        return [mounted]
    return sorted(path for path in mounted.glob("*") if path.is_dir() and not path.is_symlink())


def _inherit_cpus(root: Path, group: Path) -> None:
    # Version 1 only: a new cpuset group has no processors, and nothing can be put into it.
    for name in ("cpuset.cpus", "cpuset.mems"):
        if root.name.startswith("cpuset") and (root / name).exists():
            (group / name).write_text((root / name).read_text())


def _remove_cgroup(group: Path) -> bool:
    deadline = time.monotonic() + CGROUP_PATIENCE
    while group.exists():
        for path in sorted(group.rglob("*"), key=lambda path: len(path.parts), reverse=True):
            if path.is_dir():
                with contextlib.suppress(OSError):
                    path.rmdir()
        with contextlib.suppress(OSError):
            group.rmdir()
        if time.monotonic() > deadline:
            return False
    return True


def _run(argv: Sequence[str]) -> str:
    result = subprocess.run(argv, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise ClusterError(f"`{' '.join(argv)}` failed: {result.stderr.strip()}")
    return result.stdout
