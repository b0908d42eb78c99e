"""Run kubectl against a cluster: what a test or the demo says to it as a user would."""

import subprocess

from e2e.cluster.model import Cluster, ClusterError


def command(cluster: Cluster, *arguments: str) -> list[str]:
    """The command line of a kubectl call that sees this cluster and no other."""
    return [str(cluster.kubectl), "--kubeconfig", str(cluster.kubeconfig), *arguments]


def kubectl(cluster: Cluster, *arguments: str, given: str | None = None) -> str:
    """What kubectl prints, with `given` as its input; raises ClusterError when it fails."""
    result = subprocess.run(
        command(cluster, *arguments), input=given, capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        raise ClusterError(f"kubectl {' '.join(arguments)}: {result.stderr.strip()}")
    return result.stdout
