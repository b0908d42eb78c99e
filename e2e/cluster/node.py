"""The programs of a real node: containerd, kubelet and kube-proxy; values in, values out.

Flags and configuration are those of Kubernetes 1.36 and containerd 2.4.
"""

import subprocess
from pathlib import Path

from e2e.cluster.certs import Identity
from e2e.cluster.images import image_names
from e2e.cluster.layout import (
    LAST_POD_ADDRESS,
    NODE_ADDRESS,
    NODE_NAME,
    PODS,
    Component,
    Layout,
)
from e2e.cluster.model import ClusterError
from e2e.cluster.world import BRIDGE

PAUSE_IMAGE = "localhost/inferencehealth-pause:e2e"
CONFIG_FILES = ("containerd.toml", "kubelet.yaml", "cni.conflist")
NODE_IDENTITIES = {
    "kubelet": Identity(f"system:node:{NODE_NAME}", ("system:nodes",)),
    "kubelet-server": Identity(f"system:node:{NODE_NAME}", (), (NODE_NAME, NODE_ADDRESS)),
    "kube-proxy": Identity("system:kube-proxy"),
}


def config_values(layout: Layout, cni_plugins: Path) -> dict[str, str]:
    """What stands for the $names in the files of config/."""
    return {
        "state": str(layout.folder),
        "socket": str(layout.socket),
        "cgroup": layout.cgroup,
        "node": NODE_ADDRESS,
        "pods": PODS,
        "last_pod": LAST_POD_ADDRESS,
        "bridge": BRIDGE,
        "cni_plugins": str(cni_plugins),
        "pause_image": PAUSE_IMAGE,
    }


def components(layout: Layout) -> list[Component]:
    """What a real node runs."""
    return [containerd(layout), kubelet(layout), kube_proxy(layout)]


def containerd(layout: Layout) -> Component:
    """The container runtime."""
    argv = (str(layout.programs["containerd"]), f"--config={layout.folder}/containerd.toml")
    return Component("containerd", argv, f"unix://{layout.socket}", "node")


def kubelet(layout: Layout) -> Component:
    """The kubelet, at the bridge's address: there the API server reaches it for logs and exec."""
    argv = (
        str(layout.programs["kubelet"]),
        f"--config={layout.folder}/kubelet.yaml",
        f"--kubeconfig={layout.pki}/kubelet.kubeconfig",
        f"--root-dir={layout.folder}/kubelet",
        f"--hostname-override={NODE_NAME}",
        f"--node-ip={NODE_ADDRESS}",
    )
    return Component("kubelet", argv, f"http://{NODE_ADDRESS}:10248/healthz", "node")


def kube_proxy(layout: Layout) -> Component:
    """The ClusterIPs of the real node; conntrack limits are the machine's own affair."""
    argv = (
        str(layout.programs["kube-proxy"]),
        f"--kubeconfig={layout.pki}/kube-proxy.kubeconfig",
        "--proxy-mode=iptables",
        f"--cluster-cidr={PODS}",
        f"--hostname-override={NODE_NAME}",
        f"--healthz-bind-address={NODE_ADDRESS}:10256",
        f"--metrics-bind-address={NODE_ADDRESS}:10249",
        # A new Service serves at once; the default of a second is made for thousands of them.
        "--iptables-min-sync-period=100ms",
        "--conntrack-max-per-core=0",
        "--conntrack-min=0",
        "--conntrack-tcp-timeout-established=0s",
        "--conntrack-tcp-timeout-close-wait=0s",
    )
    return Component("kube-proxy", argv, f"http://{NODE_ADDRESS}:10256/healthz", "node")


def import_image(ctr: Path, socket: Path, archive: Path) -> None:
    """Put an image archive into containerd, where kubelet finds it; raises ClusterError."""
    names = image_names(archive)
    command = [str(ctr), "--address", str(socket), "--namespace", "k8s.io", "images", "import"]
    result = subprocess.run([*command, archive], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise ClusterError(f"importing {', '.join(names)} failed: {result.stderr.strip()}")
