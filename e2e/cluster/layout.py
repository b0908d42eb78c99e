"""What the components of a built cluster need to know: folders, addresses, ports, programs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster.model import Tier

LOOPBACK = "127.0.0.1"
# The node's network: the host side of a cable, the bridge, and the pods, all in one subnet, so
# that processes of the host reach pods and pods reach processes of the host.
PODS = "10.244.0.0/24"
NODE_ADDRESS = "10.244.0.1"
LAST_POD_ADDRESS = "10.244.0.250"
HOST_ADDRESS = "10.244.0.254"
SERVICES = "10.96.0.0/16"
API_SERVICE = "10.96.0.1"
NODE_NAME = "node"

PORT_NAMES: dict[Tier, tuple[str, ...]] = {
    Tier.INTEGRATION: ("etcd", "kube-apiserver", "kube-controller-manager"),
    Tier.SCALE: ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok"),
    Tier.NODE: ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"),
}


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a cluster's things are."""

    name: str
    tier: Tier
    folder: Path
    ports: Mapping[str, int]
    programs: Mapping[str, Path]
    audit: bool

    @property
    def address(self) -> str:
        """Where the components listen: a real node's must be reached from pods."""
        return NODE_ADDRESS if self.tier is Tier.NODE else LOOPBACK

    @property
    def server(self) -> str:
        """The API server's URL."""
        return f"https://{self.address}:{self.ports['kube-apiserver']}"

    @property
    def pki(self) -> Path:
        """The folder of keys, certificates and kubeconfigs."""
        return self.folder / "pki"

    @property
    def socket(self) -> Path:
        """containerd's socket."""
        return self.folder / "containerd.sock"

    @property
    def cgroup(self) -> str:
        """The control group below which all pods live."""
        return f"ihp-{self.name}"

    def log(self, component: str) -> Path:
        """A component's log."""
        return self.folder / "logs" / f"{component}.log"


@dataclass(frozen=True, slots=True)
class Component:
    """A program to run, and where to ask whether it is well.

    `health` is an https:// or http:// URL that answers 200, or unix:// and a socket that accepts.
    `inside` says how much of the node's own world it lives in.
    """

    name: str
    argv: tuple[str, ...]
    health: str
    inside: str = "host"  # host | network | node
