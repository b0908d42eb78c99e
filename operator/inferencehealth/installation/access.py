"""The rights of each program: the one source of RBAC in manifests and chart, and of docs/rights.md.

Every right says what needs it. A right that nothing uses, and a use without a right, are found by
`audit`, from what the API server itself wrote down while the whole operator was at work.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from inferencehealth.api.names import CONTROLLER_MANAGER, WEBHOOK_MANAGER
from inferencehealth.kube.requests import (
    DEPLOYMENTS,
    EVENTS,
    LEADER_WORKER_SETS,
    LEASES,
    MUTATING_POLICIES,
    MUTATING_POLICY_BINDINGS,
    NODES,
    PODS,
    POLICIES,
    REPORTS,
    SECRETS,
    STATEFUL_SETS,
    WEBHOOK_CONFIGURATIONS,
    Resource,
)

CRDS: Final = Resource(
    "apiextensions.k8s.io",
    "v1",
    "customresourcedefinitions",
    "CustomResourceDefinition",
    namespaced=False,
)


class Program(StrEnum):
    """A program of ours; each has a service account of its own."""

    CONTROLLER = "controller"
    CHECKER = "checker"
    WEBHOOK = "webhook"

    @property
    def account(self) -> str:
        """Name of its ServiceAccount, and of its roles."""
        return f"inferencehealth-{self.value}"


class Where(StrEnum):
    """Where a right holds."""

    WATCHED = "watched"
    """In the namespaces whose policies count: all, or the one that the program was told."""
    SYSTEM = "system"
    """In the operator's own namespace."""
    CLUSTER = "cluster"
    """On objects without a namespace; none of them where the operator has one namespace only."""


@dataclass(frozen=True, slots=True)
class Right:
    """Verbs on one kind of object, and what needs them. `names`: on these objects alone."""

    resource: Resource
    verbs: tuple[str, ...]
    why: str
    where: Where = Where.WATCHED
    subresource: str = ""
    names: tuple[str, ...] = ()

    @property
    def target(self) -> str:
        """The resource as a rule of RBAC names it."""
        return "/".join(filter(None, (self.resource.plural, self.subresource)))


_EVENTS: Final = Right(
    EVENTS, ("create", "patch"), "tells of transitions, and counts what is said again (kube.events)"
)
_GATE: Final = "(patch touches our one condition; the restraint refuses any other)"

RIGHTS: Final[dict[Program, tuple[Right, ...]]] = {
    Program.CONTROLLER: (
        Right(POLICIES, ("get", "list", "watch"), "follows policies (controller.reconcile)"),
        Right(
            POLICIES, ("patch",), "writes their status (controller.reconcile)", subresource="status"
        ),
        Right(
            REPORTS,
            ("list", "watch", "create", "patch", "delete"),
            "makes a report for each workload, and takes it away (controller.records)",
        ),
        Right(
            REPORTS,
            ("patch",),
            "says what became of probes (controller.records)",
            subresource="status",
        ),
        *(
            Right(
                resource,
                ("get", "list", "watch", "patch"),
                "plans, and in mode Apply writes, probes (controller.inject, controller.undoing); "
                "the restraint refuses all but probes and our readiness gate",
            )
            for resource in (DEPLOYMENTS, STATEFUL_SETS)
        ),
        Right(
            LEADER_WORKER_SETS,
            ("list", "watch"),
            "reads them, where there are any (controller.reconcile, controller.sets); they are "
            "never written",
        ),
        Right(
            PODS, ("list", "watch"), "finds closed gates whose checker is gone (controller.gates)"
        ),
        Right(
            PODS,
            ("patch",),
            f"opens gates whose checker is gone (controller.gates) {_GATE}",
            subresource="status",
        ),
        _EVENTS,
        Right(
            LEASES,
            ("list", "watch"),
            "notices checkers that fell silent (controller.leases)",
            Where.SYSTEM,
        ),
        Right(
            LEASES, ("create",), "takes part in the election (controller.election)", Where.SYSTEM
        ),
        Right(
            LEASES,
            ("get", "update"),
            "leads, or waits for its turn (controller.election)",
            Where.SYSTEM,
            names=(CONTROLLER_MANAGER,),
        ),
        Right(
            CRDS,
            ("list", "watch"),
            "Kopf follows definitions that come and go (controller.handlers)",
            Where.CLUSTER,
        ),
        Right(
            MUTATING_POLICIES,
            ("list",),
            "looks whether mode Initial left something behind (controller.admission)",
            Where.CLUSTER,
        ),
    ),
    Program.CHECKER: (
        Right(REPORTS, ("list", "watch"), "learns what to ask (checker.assembly)"),
        Right(REPORTS, ("patch",), "writes verdicts (checker.writer)", subresource="status"),
        Right(
            PODS, ("list", "watch"), "learns whom to ask, and at which address (checker.assembly)"
        ),
        Right(PODS, ("patch",), f"sets readiness gates (kube.gates) {_GATE}", subresource="status"),
        _EVENTS,
        Right(
            LEASES,
            ("get", "list", "watch", "create", "patch", "delete"),
            "shows that it lives, shares the work, and clears up after the dead (checker.members)",
            Where.SYSTEM,
        ),
        Right(
            NODES,
            ("list", "watch"),
            "learns load times by kind of node (checker.startups)",
            Where.CLUSTER,
        ),
    ),
    Program.WEBHOOK: (
        Right(POLICIES, ("list", "watch"), "knows what to inject (admission.main)"),
        Right(REPORTS, ("list", "watch"), "knows what was seen of a workload (admission.main)"),
        Right(SECRETS, ("create",), "makes its own certificates (admission.keeping)", Where.SYSTEM),
        Right(
            SECRETS,
            ("get", "update"),
            "shares its certificates among replicas, and renews them (admission.keeping)",
            Where.SYSTEM,
            names=(f"{WEBHOOK_MANAGER}-tls",),
        ),
        Right(
            WEBHOOK_CONFIGURATIONS,
            ("get", "patch"),
            "has the API server trust its certificate (admission.keeping)",
            Where.CLUSTER,
            names=(WEBHOOK_MANAGER,),
        ),
    ),
}
"""What each program may do, always."""

_KEEPS_PLANS: Final = "keeps the plans of mode Initial (controller.admission)"
INITIAL_MODE: Final = (
    Right(MUTATING_POLICIES, ("create", "patch", "delete"), _KEEPS_PLANS, Where.CLUSTER),
    Right(
        MUTATING_POLICY_BINDINGS,
        ("list", "create", "patch", "delete"),
        _KEEPS_PLANS,
        Where.CLUSTER,
    ),
)
"""What the controller needs for mode Initial without the webhook, on Kubernetes 1.36 and newer.

Whoever may write these may change any object on its way in, so they are given only on request.
"""

Manifest = dict[str, Any]

_RBAC: Final = "rbac.authorization.k8s.io"


def cluster_wide(program: Program, *, system_namespace: str) -> list[Manifest]:
    """The roles and bindings of a program that works in all namespaces."""
    rights = RIGHTS[program]
    wide = [right for right in rights if right.where is not Where.SYSTEM]
    return [
        *_granted(program, program.account, wide, system_namespace),
        *_granted(program, *_own(program, rights), system_namespace, system_namespace),
    ]


def namespaced(program: Program, *, namespace: str, system_namespace: str) -> list[Manifest]:
    """The roles and bindings of a program that works in one namespace, without cluster rights."""
    rights = RIGHTS[program]
    watched = [right for right in rights if right.where is Where.WATCHED]
    return [
        *_granted(program, program.account, watched, system_namespace, namespace),
        *_granted(program, *_own(program, rights), system_namespace, system_namespace),
    ]


def initial_mode(*, system_namespace: str) -> list[Manifest]:
    """The role and binding that mode Initial needs where there is no webhook."""
    name = f"{Program.CONTROLLER.account}-initial-mode"
    return _granted(Program.CONTROLLER, name, list(INITIAL_MODE), system_namespace)


def rule(right: Right) -> Manifest:
    """The right as a rule of a role."""
    found: Manifest = {
        "apiGroups": [right.resource.group],
        "resources": [right.target],
        "verbs": list(right.verbs),
    }
    return found | ({"resourceNames": list(right.names)} if right.names else {})


def _own(program: Program, rights: tuple[Right, ...]) -> tuple[str, list[Right]]:
    return f"{program.account}-own", [right for right in rights if right.where is Where.SYSTEM]


def _granted(
    program: Program, name: str, rights: list[Right], system_namespace: str, namespace: str = ""
) -> list[Manifest]:
    """A role with these rights and its binding: of one namespace, or of the cluster."""
    if not rights:
        return []
    kind = "Role" if namespace else "ClusterRole"
    meta = {
        "name": name,
        "labels": {
            "app.kubernetes.io/name": program.account,
            "app.kubernetes.io/part-of": "inferencehealth",
        },
    } | ({"namespace": namespace} if namespace else {})
    role = {
        "apiVersion": f"{_RBAC}/v1",
        "kind": kind,
        "metadata": meta,
        "rules": [rule(right) for right in rights],
    }
    binding = {
        "apiVersion": f"{_RBAC}/v1",
        "kind": f"{kind}Binding",
        "metadata": meta,
        "roleRef": {"apiGroup": _RBAC, "kind": kind, "name": name},
        "subjects": [
            {"kind": "ServiceAccount", "name": program.account, "namespace": system_namespace}
        ],
    }
    return [role, binding]
