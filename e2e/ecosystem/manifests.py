"""What stands in Git: a model server's Deployment and a policy. Values in, values out."""

from typing import Any

from e2e.ecosystem.models import SERVED

Document = dict[str, Any]

APP = "triton"
POLICY = "triton"
IMAGE = "nvcr.io/nvidia/tritonserver:24.10-py3"
NEXT_IMAGE = "nvcr.io/nvidia/tritonserver:24.11-py3"
REPLICAS = 2
AUTHORS_PROBES = {
    "readinessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 7},
    "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 7},
}
"""Such as stand in many a chart, and wrong for this server."""
CHECKS = {"interval": "2s", "timeout": "1s", "failureThreshold": 2}
"""So that nobody has to wait for a verdict."""


def deployment(port: int, *, image: str = IMAGE, probes: Document | None = None) -> Document:
    """The Deployment, with those probes of its author."""
    labels = {"app": APP}
    container = {
        "name": APP,
        "image": image,
        "args": ["tritonserver", "--model-repository=/models", f"--http-port={port}"],
        "ports": [{"name": "http", "containerPort": port}],
        **(probes or {}),
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": APP, "labels": labels},
        "spec": {
            "replicas": REPLICAS,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


NOTE: Document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "note"}}
"""Git has no empty folders, and Flux fails where a folder is missing."""


def policy(
    mode: str,
    port: int,
    *,
    existing: str = "Keep",
    model: str = SERVED,
    on_delete: str = "Restore",
    wave: int = 1,
) -> Document:
    """The policy over it."""
    return {
        "apiVersion": "inferencehealth.dev/v1alpha1",
        "kind": "InferenceHealthPolicy",
        "metadata": {
            "name": POLICY,
            "annotations": {"argocd.argoproj.io/sync-wave": str(wave)},
        },
        "spec": {
            "target": {"selector": {"matchLabels": {"app": APP}}},
            "server": {
                "profile": "triton",
                "port": port,
                "models": {"required": [{"name": model}]},
            },
            "checks": CHECKS,
            "probes": {
                "mode": mode,
                "existing": existing,
                "onDelete": on_delete,
                "budgets": {"maxStartup": "20s"},
            },
        },
    }
