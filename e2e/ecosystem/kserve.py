"""KServe beside a cluster: its definitions, its settings and its controller, in RawDeployment mode.

Source: github.com/kserve/kserve v0.15.2, config/crd/full, config/configmap and cmd/manager. Its
webhooks are not registered: nothing that they add makes a difference here, as models are not
fetched.
"""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import yaml

from e2e.cluster import builds
from e2e.cluster.definitions import define
from e2e.cluster.model import Cluster
from e2e.cluster.progress import to_stderr
from e2e.ecosystem.builds import KSERVE, shipped
from e2e.ecosystem.hooks import certificates
from e2e.ecosystem.parts import Part, folder_of, running
from e2e.servers.processes import LOOPBACK, free_ports
from e2e.story.stage import kubectl

NAMESPACE = "kserve"
MODULE = "github.com/kserve/kserve"
CERTIFICATES = "k8s-webhook-server/serving-certs"
"""Where controller-runtime looks below the folder for temporary files."""
SETTINGS = {
    "agent": {
        "image": "kserve/agent:v0.15.2",
        "memoryRequest": "100Mi",
        "memoryLimit": "1Gi",
        "cpuRequest": "100m",
        "cpuLimit": "1",
    },
    "deploy": {"defaultDeploymentMode": "RawDeployment"},
    "ingress": {
        "disableIngressCreation": True,
        "disableIstioVirtualHost": True,
        "ingressDomain": "example.com",
        "ingressGateway": "knative-serving/knative-ingress-gateway",
        "kserveIngressGateway": "kserve/kserve-ingress-gateway",
        "localGateway": "knative-serving/knative-local-gateway",
        "localGatewayService": "knative-local-gateway.istio-system.svc.cluster.local",
        "urlScheme": "http",
    },
}


def install(cluster: Cluster) -> None:
    """Give the cluster what an installation of KServe without Knative and Istio has there."""
    define(cluster, *shipped("kserve", MODULE, "config/crd/full/serving.*.yaml", to_stderr()))
    documents = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "inferenceservice-config", "namespace": NAMESPACE},
            "data": {name: json.dumps(value) for name, value in SETTINGS.items()},
        },
        *_runtimes(),
    ]
    kubectl(cluster, "apply", "--filename=-", stdin=yaml.safe_dump_all(documents))


def _runtimes() -> list[dict[str, Any]]:
    """KServe's runtime for scikit-learn as an installation has it: with its image filled in."""
    (path,) = shipped("kserve", MODULE, "config/runtimes/kserve-sklearnserver.yaml", to_stderr())
    runtime = yaml.safe_load(path.read_text())
    for container in runtime["spec"]["containers"]:
        container["image"] = "kserve/sklearnserver:v0.15.2"
    return [runtime]


@contextlib.contextmanager
def running_kserve(cluster: Cluster) -> Iterator[None]:
    """The controller, well, for the length of a `with` block."""
    binary = builds.ensure([KSERVE], to_stderr())[KSERVE.name]
    folder = folder_of(cluster, "kserve")
    asks, serves = free_ports(2)
    certificates(folder / CERTIFICATES, serves)
    part = Part(
        "kserve-controller",
        (
            *(str(binary), "--metrics-addr", "0", "--webhook-port", str(serves)),
            *("--health-probe-addr", f"{LOOPBACK}:{asks}"),
        ),
        f"http://{LOOPBACK}:{asks}/healthz",
        {"TMPDIR": str(folder), "POD_NAMESPACE": NAMESPACE},
    )
    with running(cluster, part):
        yield
