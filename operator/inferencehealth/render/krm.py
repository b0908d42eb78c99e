"""Rendering as a KRM function: a ResourceList in, a ResourceList out, as kustomize calls it. Pure.

`functionConfig` is the policy, or anything else for the default one; `results` tell about items.
Source: KRM Functions Specification v1 (kubernetes-sigs/kustomize, cmd/config/docs).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError

from inferencehealth.api.names import POLICY_KIND
from inferencehealth.api.policy import Policy
from inferencehealth.api.problems import explain
from inferencehealth.plan.default import default_policy
from inferencehealth.render.changes import Change, changes_of
from inferencehealth.render.editing import with_fields
from inferencehealth.render.rendering import NOT_RECOGNISED

RESOURCE_LIST: Final = "ResourceList"


def is_resource_list(parsed: Any) -> bool:
    """Whether a document is what a function is called with."""
    return (
        isinstance(parsed, Mapping)
        and parsed.get("kind") == RESOURCE_LIST
        and str(parsed.get("apiVersion", "")).startswith("config.kubernetes.io/")
    )


def function(
    resources: Mapping[str, Any], policies: Sequence[Policy], *, replace: bool = False
) -> dict[str, Any]:
    """The ResourceList with the probes written into its items.

    Without `policies` the functionConfig is the policy, if it is one. An invalid one is told as a
    result of severity error, and nothing is changed.
    """
    config = resources.get("functionConfig")
    if not policies and isinstance(config, Mapping) and config.get("kind") == POLICY_KIND:
        try:
            policies = [Policy.model_validate(config)]
        except ValidationError as error:
            told = {"message": f"functionConfig: {explain(error)}", "severity": "error"}
            return {**resources, "results": [told]}
    policies = policies or [default_policy(replace=replace)]
    items: list[Any] = []
    results: list[dict[str, Any]] = []
    for item in resources.get("items") or ():
        found = changes_of(item, policies) if isinstance(item, Mapping) else ()
        items.append(_changed(item, found))
        results += [_result(change, text) for change in found for text in _problems(change)]
    return {**resources, "items": items, **({"results": results} if results else {})}


def _changed(item: Any, found: Sequence[Change]) -> Any:
    for change in found:
        item = with_fields(item, change.container_at, change.fields) if change.probes else item
    return item


def _problems(change: Change) -> list[str]:
    return [p.message for p in change.plan.problems if p.reason != NOT_RECOGNISED]


def _result(change: Change, message: str) -> dict[str, Any]:
    target = change.workload
    reference = {
        "apiVersion": target.api_version,
        "kind": target.kind,
        "name": target.name,
        "namespace": target.namespace,
    }
    return {
        "message": message,
        "severity": "warning",
        "resourceRef": {key: value for key, value in reference.items() if value},
    }
