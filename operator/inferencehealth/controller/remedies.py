"""What to tell the owner of a tool that writes the same probes as we do. Pure.

The snippets are those that were seen to work: Argo CD 3.2, Flux kustomize-controller 1.7, KServe
0.15 on Kubernetes 1.36.
"""

from inferencehealth.api.names import FIELD_MANAGER

BY_HAND = "kubectl"
"""How the names of the managers begin by which people and scripts write."""


def remedy(manager: str, kind: str) -> str:
    """What ends a conflict with that field manager about a workload of that kind."""
    name = manager.lower()
    if "argocd" in name:
        return (
            "In the Argo CD Application set spec.ignoreDifferences: [{group: apps, kind: "
            f"{kind}, managedFieldsManagers: [{FIELD_MANAGER}]}}] and spec.syncPolicy."
            "syncOptions: [RespectIgnoreDifferences=true], then change the policy or the workload."
        )
    if "kustomize-controller" in name:
        return (
            "Flux has no way to ignore a field: delete these lines from the manifest in Git, or "
            "put the probes from the report's `wanted` there."
        )
    if "helm" in name:
        return (
            "Put the probes from the report's `wanted` into the values of the Helm release, or "
            "switch the chart's own probes off there."
        )
    if name.startswith(BY_HAND):
        return (
            "It is left as it is until the policy or the rest of the pod template changes. To "
            "have our probes, change one of them; to be left alone, set spec.probes.existing: Keep "
            "or mode: Recommend."
        )
    if not name:
        return (
            "So does kubectl rollout undo, and so do tools that write the whole object (then put "
            "the probes from the report's `wanted` where that tool takes them from). It is left "
            "as it is until the policy or the rest of the pod template changes."
        )
    return (
        f"Take the probes out of what {manager!r} writes, put ours from the report's `wanted` "
        "there, or set spec.probes.existing: Keep."
    )
