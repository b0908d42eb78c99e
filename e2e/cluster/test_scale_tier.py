"""Fake pods: Running, Ready, and at addresses that a process of this machine can answer for."""

import json

import pytest

from e2e.cluster.kubectl import kubectl
from e2e.cluster.model import Cluster

pytestmark = pytest.mark.scale


def test_fake_pods_are_ready_on_loopback_addresses_of_their_own(cluster: Cluster) -> None:
    kubectl(cluster, "create", "deployment", "fake", "--image=none", "--replicas=50")
    kubectl(cluster, "rollout", "status", "deployment/fake", "--timeout=60s")
    pods = json.loads(kubectl(cluster, "get", "pods", "--selector=app=fake", "--output=json"))
    addresses = {pod["status"]["podIP"] for pod in pods["items"]}
    assert len(addresses) == 50
    assert all(address.startswith("127.64.") for address in addresses)
