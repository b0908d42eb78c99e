"""What a person may choose when he installs by Helm: the one source of the chart's values.

manifests/chart/values.yaml and values.schema.json are made from it by `make generate`. The defaults
are those of manifests/base; a test renders both and compares them.
"""

from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import Field

from inferencehealth.api.base import Model

Fragment = dict[str, Any]
"""A part of a pod as Kubernetes has it; the API server judges it."""
Replicas = Annotated[int, Field(ge=1, le=100)]


class Scope(StrEnum):
    """Where the operator has rights."""

    CLUSTER = "Cluster"
    NAMESPACE = "Namespace"


class PullPolicy(StrEnum):
    """When a node asks for the image anew."""

    ALWAYS = "Always"
    IF_NOT_PRESENT = "IfNotPresent"
    NEVER = "Never"


class Image(Model):
    """The operator's image."""

    repository: str = Field("inferencehealth", min_length=1, description="Where nodes find it.")
    tag: str = Field("", description="Its tag; empty: the chart's appVersion.")
    digest: str = Field(
        "",
        pattern="^(sha256:[0-9a-f]{64})?$",
        description="Its digest (sha256:…), which then counts instead of the tag.",
    )
    pull_policy: PullPolicy = Field(
        PullPolicy.IF_NOT_PRESENT, description="When a node asks for it anew."
    )


class Crds(Model):
    """The two definitions."""

    install: bool = Field(
        default=True, description="Install and upgrade them with the release; rights are needed."
    )
    keep: bool = Field(
        default=True,
        description="Keep them, and with them every policy, when the release is uninstalled.",
    )


class Program(Model):
    """What can be said of each program."""

    replicas: Replicas = 1
    resources: Fragment = Field(default_factory=dict, description="Requests and limits.")
    extra_args: list[str] = Field(
        default_factory=list, description="Further options of the program, such as --verbose."
    )
    node_selector: Fragment = Field(default_factory=dict, description="Labels of its nodes.")
    tolerations: list[Fragment] = Field(default_factory=list, description="Taints it bears.")
    affinity: Fragment = Field(default_factory=dict, description="Rules for its place.")
    priority_class_name: str = Field("", description="Its pods' PriorityClass.")


def _resources(cpu: str, memory: str, most: str) -> Fragment:
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": most}}


class Controller(Program):
    """The controller: one acts, the others stand by."""

    replicas: Replicas = Field(1, description="Copies; 2 for a quick fail over.")
    resources: Fragment = Field(
        default_factory=lambda: _resources("50m", "128Mi", "512Mi"),
        description="Requests and limits.",
    )


class Checker(Program):
    """The checkers: all of them work and share what there is to check."""

    replicas: Replicas = Field(1, description="Copies; one is made for 10,000 pods every 10 s.")
    resources: Fragment = Field(
        default_factory=lambda: _resources("100m", "128Mi", "512Mi"),
        description="Requests and limits.",
    )


class Webhook(Program):
    """The webhook of mode Initial, which Kubernetes before 1.36 needs. In scope Cluster only."""

    enabled: bool = Field(default=True, description="Install it.")
    replicas: Replicas = Field(2, description="Copies.")
    resources: Fragment = Field(
        default_factory=lambda: _resources("50m", "96Mi", "256Mi"),
        description="Requests and limits.",
    )


class Switch(Model):
    """Something that is there or not."""

    enabled: bool = True


class Off(Switch):
    """Something that is not there unless asked for."""

    enabled: bool = False


class Values(Model):
    """Values of the chart inferencehealth."""

    scope: Scope = Field(
        Scope.CLUSTER,
        description="Cluster: policies of all namespaces count. Namespace: those of the release's "
        "own namespace, without any right on the cluster.",
    )
    image: Image = Field(default_factory=Image, description="What its pods run.")
    image_pull_secrets: list[Fragment] = Field(
        default_factory=list, description="Secrets to pull it with, as {name: …}."
    )
    crds: Crds = Field(
        default_factory=Crds,
        description="The definitions of policies and reports. In scope Namespace set install to "
        "false: they belong to the cluster.",
    )
    controller: Controller = Field(
        default_factory=Controller, description="Plans, probes, reports and the status of policies."
    )
    checker: Checker = Field(
        default_factory=Checker, description="Asks the pods themselves and reports what they serve."
    )
    webhook: Webhook = Field(
        default_factory=Webhook,
        description="Mode Initial for Kubernetes before 1.36. In scope Cluster only.",
    )
    initial_mode: Off = Field(
        default_factory=Off,
        description="The right to keep mode Initial as admission policies (Kubernetes 1.36 and "
        "newer): a strong one, see docs/initial-mode.md. In scope Cluster only.",
    )
    restraint: Switch = Field(
        default_factory=Switch,
        description="Admission policies that hold our own service accounts to probe fields. In "
        "scope Cluster only.",
    )
    network_policy: Switch = Field(
        default_factory=Switch, description="Who may talk to the operator's pods."
    )
    pod_disruption_budget: Switch = Field(
        default_factory=Switch, description="One pod of a program goes at a time."
    )
    monitoring: Off = Field(
        default_factory=Off,
        description="ServiceMonitor and PodMonitor; the Prometheus Operator has to be there.",
    )
    pod_labels: dict[str, str] = Field(default_factory=dict, description="Further labels of pods.")
    pod_annotations: dict[str, str] = Field(
        default_factory=dict, description="Annotations of pods."
    )


DEFAULTS: Final = Values()
