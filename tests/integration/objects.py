"""Workloads and policies as the tests write them."""

from typing import Any

Raw = dict[str, Any]

TRITON = "nvcr.io/nvidia/tritonserver:24.10-py3"


def deployment(name: str = "triton", image: str = TRITON, **container: Any) -> Raw:
    """A Deployment of one inference container, which the API server accepts as it is."""
    labels = {"app": name}
    serving = {"name": "server", "image": image, "ports": [{"containerPort": 8000, "name": "http"}]}
    return {
        "metadata": {"name": name, "labels": {"tier": "inference"}},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [serving | container]},
            },
        },
    }


def policy(name: str = "p", **spec: Any) -> Raw:
    """A policy over everything labelled tier=inference."""
    target = {"selector": {"matchLabels": {"tier": "inference"}}}
    return {"metadata": {"name": name}, "spec": {"target": target, **spec}}


def container(raw: Raw) -> Raw:
    """The first container of a workload's template."""
    found: Raw = raw["spec"]["template"]["spec"]["containers"][0]
    return found
