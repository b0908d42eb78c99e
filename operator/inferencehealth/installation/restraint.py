"""What our service accounts may do with the rights that RBAC can't cut fine enough: CEL, not code.

`patch deployments` is the right to run anything, `patch pods/status` the right to direct traffic.
ValidatingAdmissionPolicies narrow both, for our own accounts only: of a workload, probes and our
readiness gate; of a pod's status, our one condition. The API server enforces it, so it also holds
for somebody who has stolen a token of ours.
"""

from typing import Any, Final

from inferencehealth.api.names import READINESS_GATE
from inferencehealth.installation.access import Manifest, Program
from inferencehealth.workloads import OWNED_KINDS

_API: Final = "admissionregistration.k8s.io/v1"

_BOOKKEEPING: Final = ("managedFields", "generation", "resourceVersion")
"""Of metadata: what the API server keeps itself. managedFields also say whose a field is; giving
up our claim on probes is a write to them alone."""
_DELETION: Final = ("deletionTimestamp", "deletionGracePeriodSeconds")
"""What the API server blanks out while it takes a pod's status (pkg/registry/core/pod/strategy.go,
podStatusStrategy.PrepareForUpdate)."""

_ONLY_PROBES: Final = "the operator changes probes and its own readiness gate, nothing else: "
_ONLY_GATE: Final = (
    f"the operator changes the condition {READINESS_GATE} of a pod's status, nothing else: "
)


def documents() -> list[Manifest]:
    """The policies and their bindings. They name no namespace: they hold for our accounts by
    name, wherever the operator is installed."""
    return [
        *_bound("inferencehealth-workloads", _of_workloads()),
        *_bound("inferencehealth-leaderworkersets", _of_leader_worker_sets()),
        *_bound("inferencehealth-pods", _of_pods()),
    ]


def _bound(name: str, spec: dict[str, Any]) -> list[Manifest]:
    labels = {"app.kubernetes.io/part-of": "inferencehealth"}
    return [
        {
            "apiVersion": _API,
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": name, "labels": labels},
            "spec": spec,
        },
        {
            "apiVersion": _API,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": name, "labels": labels},
            "spec": {"policyName": name, "validationActions": ["Deny"]},
        },
    ]


def _of_workloads() -> dict[str, Any]:
    return _policy(
        (Program.CONTROLLER,),
        "apps",
        ("deployments", "statefulsets"),
        [
            *_OF_ANY_WORKLOAD,
            _rule(_same("object.spec", "oldObject.spec", ("template",)), _SPEC_STAYS),
            *_of_template("object.spec.?template", "oldObject.spec.?template", "pod template"),
        ],
    )


def _of_leader_worker_sets() -> dict[str, Any]:
    """LeaderWorkerSet (sigs.k8s.io/lws, api/leaderworkerset/v1) has two pod templates."""
    under, fields = "leaderWorkerTemplate", ("leaderTemplate", "workerTemplate")
    new, old = f"object.spec.{under}", f"oldObject.spec.{under}"
    return _policy(
        (Program.CONTROLLER,),
        "leaderworkerset.x-k8s.io",
        ("leaderworkersets",),
        [
            *_OF_ANY_WORKLOAD,
            _rule(_same("object.spec", "oldObject.spec", (under,)), _SPEC_STAYS),
            _rule(_same(new, old, fields), _SPEC_STAYS),
            *(
                rule
                for field in fields
                for rule in _of_template(f"{new}.?{field}", f"{old}.?{field}", field)
            ),
        ],
    )


def _of_template(new: str, old: str, field: str) -> list[dict[str, str]]:
    lists = ("containers", "initContainers")
    return [
        _rule(
            f"{new}.hasValue() == {old}.hasValue() && "
            + _same(f"{new}.orValue({{}})", f"{old}.orValue({{}})", ("spec",)),
            f"{_ONLY_PROBES}the {field}'s labels and annotations stay",
        ),
        _rule(
            _same(
                f"{new}.?spec.orValue({{}})",
                f"{old}.?spec.orValue({{}})",
                (*lists, "readinessGates"),
            ),
            f"{_ONLY_PROBES}volumes, service account and all else of the pods stay",
        ),
        *(_of_containers(f"{new}.?spec.?{each}", f"{old}.?spec.?{each}", each) for each in lists),
        _rule(
            " == ".join(
                f"{side}.?spec.?readinessGates.orValue([])"
                f".filter(g, g.conditionType != '{READINESS_GATE}')"
                for side in (new, old)
            ),
            f"{_ONLY_PROBES}other readiness gates stay",
        ),
    ]


def _of_containers(new: str, old: str, field: str) -> dict[str, str]:
    new, old = f"{new}.orValue([])", f"{old}.orValue([])"
    same = _same("c", "o", OWNED_KINDS)
    return _rule(
        f"{new}.map(c, c.name) == {old}.map(c, c.name) && "
        f"{new}.all(c, {old}.exists(o, o.name == c.name && {same}))",
        f"{_ONLY_PROBES}image, command, env and all else of {field} stay",
    )


def _of_pods() -> dict[str, Any]:
    ours = f"c.type != '{READINESS_GATE}'"
    validations = [
        _rule(_is("UPDATE", "status"), f"{_ONLY_GATE}it makes, changes and deletes no pods"),
        _rule(
            _same("object.metadata", "oldObject.metadata", (*_BOOKKEEPING, *_DELETION)),
            f"{_ONLY_GATE}all metadata stay",
        ),
        _rule(_same("object.spec", "oldObject.spec", ()), f"{_ONLY_GATE}the spec stays"),
        _rule(
            _same("object.?status.orValue({})", "oldObject.?status.orValue({})", ("conditions",)),
            f"{_ONLY_GATE}phase, addresses and containers stay",
        ),
        _rule(
            " == ".join(
                f"{side}.?status.?conditions.orValue([]).filter(c, {ours})"
                for side in ("object", "oldObject")
            ),
            f"{_ONLY_GATE}conditions of others stay",
        ),
    ]
    return _policy((Program.CONTROLLER, Program.CHECKER), "", ("pods",), validations)


def _policy(
    programs: tuple[Program, ...],
    group: str,
    plurals: tuple[str, ...],
    validations: list[dict[str, str]],
) -> dict[str, Any]:
    accounts = " || ".join(
        f"request.userInfo.username.endsWith(':{program.account}')" for program in programs
    )
    return {
        "failurePolicy": "Fail",
        "matchConstraints": {
            "resourceRules": [
                {
                    "apiGroups": [group],
                    "apiVersions": ["*"],
                    "operations": ["*"],
                    "resources": [name for each in plurals for name in (each, f"{each}/*")],
                }
            ]
        },
        "matchConditions": [
            {
                "name": "is-ours",
                "expression": "request.userInfo.username.startsWith('system:serviceaccount:') && "
                f"({accounts})",
            }
        ],
        "validations": validations,
    }


def _rule(expression: str, message: str) -> dict[str, str]:
    return {"expression": expression, "message": message}


def _is(operation: str, subresource: str) -> str:
    asked = f"request.?subResource.orValue('') == '{subresource}'"
    return f"request.operation == '{operation}' && {asked}"


def _same(new: str, old: str, besides: tuple[str, ...]) -> str:
    """CEL: both objects have the same fields with the same values, besides those.

    `dyn`, so that fields are counted as they come: one that a newer API server knows is compared
    like any other.
    """
    new, old = f"dyn({new})", f"dyn({old})"
    other = f"k in [{', '.join(repr(field) for field in besides)}] || " if besides else ""
    return (
        f"{new}.all(k, {other}(k in {old} && {new}[k] == {old}[k])) && "
        f"{old}.all(k, {other}k in {new})"
    )


_SPEC_STAYS: Final = f"{_ONLY_PROBES}replicas and all else of the spec stay"
_OF_ANY_WORKLOAD: Final = (
    _rule(_is("UPDATE", ""), f"{_ONLY_PROBES}it makes, deletes and scales no workloads"),
    _rule(
        _same("object.metadata", "oldObject.metadata", _BOOKKEEPING),
        f"{_ONLY_PROBES}labels, annotations and all other metadata stay",
    ),
)
