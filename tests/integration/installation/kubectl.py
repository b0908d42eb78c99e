"""kubectl on a cluster, with all rights."""

import subprocess

from e2e.cluster.model import Cluster


def kubectl(cluster: Cluster, *words: str, stdin: str = "") -> str:
    """What it prints; fails the test with what it complains of."""
    command = [str(cluster.kubectl), "--kubeconfig", str(cluster.kubeconfig), *words]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
