"""A real kubelet: images without a registry, logs, exec, Services, probes; and no trace after."""

import contextlib
import http.client
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.cluster import api, images
from e2e.cluster.kubectl import command, kubectl
from e2e.cluster.model import Cluster, ClusterError, ProviderName, Tier
from e2e.cluster.prerequisites import program

pytestmark = pytest.mark.node

# kube-proxy waits a second at the most before it looks at a new Service, on a busy machine more.
RULES_PATIENCE = 30.0
IMAGE = "inferencehealth-e2e-web:1"
PORT = 8080
DOCKERFILE = """
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
ENTRYPOINT ["/bin/sh", "-ec"]
"""
SERVE = "mkdir /www; hostname > /www/alive; echo serving; exec httpd -f -p 8080 -h /www"
PROBE = {"httpGet": {"path": "/alive", "port": PORT}, "periodSeconds": 1, "failureThreshold": 2}


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    context = tmp_path_factory.mktemp("image")
    busybox = shutil.which("busybox")
    assert busybox
    shutil.copy(busybox, context / "busybox")
    (context / "Dockerfile").write_text(DOCKERFILE)
    return images.build(context, name=IMAGE, archive=context / "image.tar")


@pytest.fixture
def web(cluster: Cluster, image: Path) -> Iterator[str]:
    """A served Deployment and its Service; gives the name of its pod."""
    api.load_image(cluster, image)
    kubectl(cluster, "apply", "-f", "-", given=json.dumps(manifest()))
    kubectl(cluster, "rollout", "status", "deployment/web", "--timeout=60s")
    yield kubectl(
        cluster, "get", "pods", "-l", "app=web", "-o", "jsonpath={.items[0].metadata.name}"
    )
    kubectl(cluster, "delete", "deployment/web", "service/web", "--cascade=foreground")


def manifest() -> dict[str, object]:
    container = {
        "name": "web",
        "image": IMAGE,
        "imagePullPolicy": "Never",
        "args": [SERVE],
        "livenessProbe": PROBE,
        "readinessProbe": PROBE,
    }
    labels = {"app": "web"}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
            },
        },
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": PORT}]},
    }
    return {"apiVersion": "v1", "kind": "List", "items": [deployment, service]}


def test_logs_exec_and_the_proxies_of_the_api_server_work(cluster: Cluster, web: str) -> None:
    assert kubectl(cluster, "logs", web) == "serving\n"
    assert kubectl(cluster, "exec", web, "--", "hostname") == f"{web}\n"
    namespace = "/api/v1/namespaces/default"
    for path in (f"pods/{web}:{PORT}", "services/web:80"):
        answer = kubectl(cluster, "get", "--raw", f"{namespace}/{path}/proxy/alive")
        assert answer == f"{web}\n"


def test_port_forward_reaches_the_pod(cluster: Cluster, web: str) -> None:
    forward = command(cluster, "port-forward", f"pod/{web}", f":{PORT}", "--address=127.0.0.1")
    with subprocess.Popen(forward, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        said = re.search(r":(\d+) ->", process.stdout.readline())
        assert said
        assert get("127.0.0.1", int(said[1])) == f"{web}\n"
        process.kill()


def test_a_pod_and_its_service_are_reached_from_the_host_and_from_a_pod(
    cluster: Cluster, web: str
) -> None:
    if cluster.provider is not ProviderName.SOURCE:
        pytest.skip("only the source provider's pods have addresses that the host can reach")
    pod = kubectl(cluster, "get", "pod", web, "-o", "jsonpath={.status.podIP}")
    service = kubectl(cluster, "get", "service", "web", "-o", "jsonpath={.spec.clusterIP}")
    assert get(pod, PORT) == f"{web}\n"
    assert get_when_routed(service, 80) == f"{web}\n"
    # Not wget: Debian's static busybox crashes in the C library's name lookup.
    ask = f"printf 'GET /alive HTTP/1.0\\r\\n\\r\\n' | nc -w 5 {service} 80"
    assert kubectl(cluster, "exec", web, "--", "sh", "-c", ask).endswith(f"{web}\n")
    kubectl(cluster, "exec", web, "--", "sh", "-c", "nc -w 5 10.96.0.1 443 < /dev/null")


def test_the_kubelet_restarts_what_fails_its_liveness_probe(cluster: Cluster, web: str) -> None:
    kubectl(cluster, "exec", web, "--", "rm", "/www/alive")
    restarted = "--for=jsonpath={.status.containerStatuses[0].restartCount}=1"
    kubectl(cluster, "wait", restarted, f"pod/{web}", "--timeout=60s")


def test_a_second_real_node_is_refused_with_the_command_that_frees_the_first(
    cluster: Cluster,
) -> None:
    if cluster.provider is not ProviderName.SOURCE:
        pytest.skip("only the source provider has one node a machine")
    with pytest.raises(ClusterError, match=f"down --name {cluster.name}"):
        api.up(Tier.NODE, name="second", env=os.environ | {"CLUSTER": "source"})


def test_the_host_keeps_no_packet_filter_rule_of_a_running_node(cluster: Cluster, web: str) -> None:
    if cluster.provider is not ProviderName.SOURCE:
        pytest.skip("kind's node is a container of the engine")
    assert web
    assert "KUBE-" not in packet_filter()
    assert str(cluster.state_dir) not in Path("/proc/self/mounts").read_text()


def packet_filter() -> str:
    return subprocess.run(
        [program("iptables-save")], capture_output=True, text=True, check=True
    ).stdout


def get(host: str, port: int) -> str:
    connection = http.client.HTTPConnection(host, port, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", "/alive")
        return connection.getresponse().read().decode()


def get_when_routed(host: str, port: int) -> str:
    """As `get`, once kube-proxy has made its rules, of which it tells nobody."""
    deadline = time.monotonic() + RULES_PATIENCE
    while True:
        try:
            return get(host, port)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
