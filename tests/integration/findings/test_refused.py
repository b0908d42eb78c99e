"""Findings that say "the API server refuses it", held against a real API server."""

import subprocess
from typing import Any

import pytest
import yaml

from e2e.cluster.model import Cluster
from inferencehealth.findings.catalogue import RULES
from inferencehealth.findings.rule import Rule

pytestmark = pytest.mark.integration

REFUSED = {
    *("TwoHandlers", "NoHandler", "InvalidProbe", "GracePeriodOnReadiness"),
    "SuccessThresholdNotAllowed",
}
CONTAINERS = [rule for rule in RULES if "\nimage:" in f"\n{rule.example}"]


def workload(container: dict[str, Any]) -> dict[str, Any]:
    labels = {"app": "a"}
    spec = {"containers": [{"name": "server", **container}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "a", "namespace": "default"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


@pytest.mark.parametrize("rule", CONTAINERS, ids=lambda rule: rule.id)
def test_the_api_server_refuses_exactly_what_is_said_to_be_refused(
    cluster: Cluster, rule: Rule
) -> None:
    manifest = yaml.safe_dump(workload(yaml.safe_load(rule.example)))
    command = [str(cluster.kubectl), "--kubeconfig", str(cluster.kubeconfig)]
    command += ["create", "--dry-run=server", "--validate=strict", "-f", "-"]
    done = subprocess.run(command, input=manifest, capture_output=True, text=True, check=False)
    assert (done.returncode != 0) is (rule.id in REFUSED), done.stderr
