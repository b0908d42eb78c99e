"""Let the operator, which runs beside the cluster, reach the pods inside it.

On the cluster from source the machine has a route to the pods. A kind cluster's pods live behind
the node's container: on Linux a route through that container does it, set by a container of the
node's own image in the machine's network, so that no root is needed beside the engine's.
"""

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from e2e.cluster.choice import node_image
from e2e.cluster.model import Cluster, ClusterError, ProviderName
from e2e.story.stage import kubectl


def reach_pods(cluster: Cluster) -> None:
    """Make the pods' addresses reachable from this machine; raises ClusterError."""
    if cluster.provider is not ProviderName.KIND:
        return
    if platform.system() != "Linux":
        raise ClusterError(
            f"on {platform.system()} the pods of a kind cluster can't be reached from outside it, "
            "where this demo runs the operator; remedy: a Linux machine"
        )
    nodes = json.loads(kubectl(cluster, "get", "nodes", "--output=json"))["items"]
    for command in routes(nodes, node_image(os.environ)):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ClusterError(
                f"no route to the pods of kind: `{' '.join(command)}` failed: {done.stderr.strip()}"
            )


def routes(nodes: Sequence[Mapping[str, Any]], image: str) -> list[list[str]]:
    """One command a node, which routes its pods' addresses to its container."""
    engine = ["docker", "run", "--rm", "--network=host", "--cap-add=NET_ADMIN", "--entrypoint=ip"]
    return [
        [*engine, image, "route", "replace", node["spec"]["podCIDR"], "via", _address(node)]
        for node in nodes
    ]


def _address(node: Mapping[str, Any]) -> str:
    addresses = node["status"]["addresses"]
    return next(str(each["address"]) for each in addresses if each["type"] == "InternalIP")
