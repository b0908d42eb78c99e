"""Our programs' service accounts on a real API server, with the rights of manifests/."""

import subprocess
from pathlib import Path
from typing import Any

import yaml

from e2e.cluster.model import Cluster
from inferencehealth.api.names import SYSTEM_NAMESPACE
from inferencehealth.installation.access import Program

MANIFESTS = Path(__file__).parents[3] / "manifests"
BASE = (MANIFESTS / "base" / "rbac", MANIFESTS / "base" / "restraint.yaml")
INITIAL = MANIFESTS / "components" / "initial-mode" / "rbac.yaml"

Raw = dict[str, Any]


def install(cluster: Cluster, *paths: Path) -> None:
    """The namespace, the accounts, and what stands in these files."""
    accounts: list[Raw] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM_NAMESPACE}},
        *(
            {
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": {"name": program.account, "namespace": SYSTEM_NAMESPACE},
            }
            for program in Program
        ),
    ]
    kubectl(
        cluster,
        "apply",
        "--server-side",
        "--force-conflicts",
        "-f",
        "-",
        stdin=yaml.safe_dump_all(accounts),
    )
    for path in paths:
        kubectl(cluster, "apply", "--server-side", "--force-conflicts", "-f", str(path))


def kubeconfig_of(cluster: Cluster, program: Program, folder: Path) -> Path:
    """A kubeconfig with a token of the program's account."""
    words = ("create", "token", program.account, "--namespace", SYSTEM_NAMESPACE)
    token = kubectl(cluster, *words).strip()
    config: Raw = yaml.safe_load(cluster.kubeconfig.read_text())
    for user in config["users"]:
        user["user"] = {"token": token}
    path = folder / f"{program}.kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return path


def kubectl(cluster: Cluster, *words: str, stdin: str = "") -> str:
    """What kubectl prints; fails the test with what it complains about."""
    done = subprocess.run(
        [str(cluster.kubectl), "--kubeconfig", str(cluster.kubeconfig), *words],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
