"""Policies and workloads, as the tests of plans and probes need them."""

import json
from typing import Any

from inferencehealth.api.policy import Policy
from inferencehealth.workloads import Workload, workload

TRITON = "nvcr.io/nvidia/tritonserver:24.10-py3"
ASR = "quay.io/smallestinc/self-hosted-api-server:1.0.0"


def a_policy(**spec: Any) -> Policy:
    return Policy.model_validate(
        {
            "apiVersion": "inferencehealth.dev/v1alpha1",
            "kind": "InferenceHealthPolicy",
            "metadata": {"name": "policy", "namespace": "ml"},
            "spec": {"target": {"selector": {"matchLabels": {"tier": "inference"}}}, **spec},
        }
    )


def deployment(
    *containers: dict[str, Any],
    init: list[dict[str, Any]] | None = None,
    managed: list[dict[str, Any]] | None = None,
    **meta: Any,
) -> Workload:
    named = [{"name": "server" if n == 0 else f"c{n}", **c} for n, c in enumerate(containers)]
    return workload(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {
                "name": "triton",
                "namespace": "ml",
                "uid": "u-1",
                "generation": 7,
                "managedFields": managed or [],
                **meta,
            },
            "spec": {
                "selector": {"matchLabels": {"app": "triton"}},
                "template": {"spec": {"containers": named, "initContainers": init or []}},
            },
        }
    )


def owned(
    *kinds: str,
    manager: str = "inferencehealth",
    operation: str = "Apply",
    container: str = "server",
    field: str = "containers",
    **entry: Any,
) -> dict[str, Any]:
    """A managedFields entry by which the manager owns these probes of the container."""
    key = "k:" + json.dumps({"name": container}, separators=(",", ":"))
    probes = {f"f:{kind}": {"f:periodSeconds": {}} for kind in kinds}
    inner = {f"f:{field}": {key: {".": {}, "f:name": {}, **probes}}}
    return {
        "manager": manager,
        "operation": operation,
        "apiVersion": "apps/v1",
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:spec": {"f:template": {"f:spec": inner}}},
        **entry,
    }
