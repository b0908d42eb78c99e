"""Requests to the API server as values: every path, query and body is made here, without I/O."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from inferencehealth.api.names import (
    GROUP,
    POLICY_KIND,
    POLICY_PLURAL,
    REPORT_KIND,
    REPORT_PLURAL,
    VERSION,
)

JsonObject = dict[str, Any]

_NOT_IN_YAML: Final = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
JSON: Final = "application/json"
APPLY: Final = (
    "application/apply-patch+yaml"  # JSON is YAML; older servers know no apply-patch+json
)
JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of object and where the API server keeps it. `group` is "" for the core group."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """The `apiVersion` that its objects carry."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, *, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The URL path of one object, or of the collection when no name is given.

        An empty namespace is the collection over all namespaces. Raises ValueError for the name
        of a namespaced object without its namespace, which would address something else.
        """
        if self.namespaced and name and not namespace:
            raise ValueError(f"{self.plural} {name!r} is looked for without a namespace")
        parts = ["apis", self.group] if self.group else ["api"]
        parts.append(self.version)
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        parts += [part for part in (name, subresource) if part]
        return "/" + "/".join(_segment(part) for part in parts)


DEPLOYMENTS: Final = Resource("apps", "v1", "deployments", "Deployment")
STATEFUL_SETS: Final = Resource("apps", "v1", "statefulsets", "StatefulSet")
LEADER_WORKER_SETS: Final = Resource(
    "leaderworkerset.x-k8s.io", "v1", "leaderworkersets", "LeaderWorkerSet"
)
PODS: Final = Resource("", "v1", "pods", "Pod")
SECRETS: Final = Resource("", "v1", "secrets", "Secret")
CONFIG_MAPS: Final = Resource("", "v1", "configmaps", "ConfigMap")
NAMESPACES: Final = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
NODES: Final = Resource("", "v1", "nodes", "Node", namespaced=False)
ENDPOINT_SLICES: Final = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
NETWORK_POLICIES: Final = Resource("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy")
LEASES: Final = Resource("coordination.k8s.io", "v1", "leases", "Lease")
EVENTS: Final = Resource("events.k8s.io", "v1", "events", "Event")
MUTATING_POLICIES: Final = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "mutatingadmissionpolicies",
    "MutatingAdmissionPolicy",
    False,
)
MUTATING_POLICY_BINDINGS: Final = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "mutatingadmissionpolicybindings",
    "MutatingAdmissionPolicyBinding",
    False,
)
WEBHOOK_CONFIGURATIONS: Final = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "mutatingwebhookconfigurations",
    "MutatingWebhookConfiguration",
    False,
)
POLICIES: Final = Resource(GROUP, VERSION, POLICY_PLURAL, POLICY_KIND)
REPORTS: Final = Resource(GROUP, VERSION, REPORT_PLURAL, REPORT_KIND)


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `repeatable`: sent twice, it leaves the same state as sent once.

    `headers` are further ones; they never replace those that the wire writes itself.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    content_type: str = ""
    body: bytes | None = None
    repeatable: bool = True
    headers: tuple[tuple[str, str], ...] = ()


def read(resource: Resource, name: str, *, namespace: str = "") -> Request:
    """GET of one object."""
    return Request("GET", resource.path(namespace=namespace, name=name))


def page(
    resource: Resource,
    *,
    namespace: str = "",
    label_selector: str = "",
    field_selector: str = "",
    limit: int = 0,
    continue_token: str = "",
) -> Request:
    """GET of one page of a collection.

    No resourceVersion is sent: the list is as fresh as a read of etcd. With resourceVersion=0 it
    might be older than one seen before, and `limit` would be ignored.
    """
    query = _query(
        labelSelector=label_selector,
        fieldSelector=field_selector,
        limit=str(limit) if limit else "",
        **{"continue": continue_token},
    )
    return Request("GET", resource.path(namespace=namespace), query)


def watch(
    resource: Resource,
    *,
    resource_version: str,
    timeout_seconds: int,
    namespace: str = "",
    label_selector: str = "",
    field_selector: str = "",
) -> Request:
    """GET of the changes of a collection after a resourceVersion, with bookmarks."""
    query = _query(
        watch="true",
        allowWatchBookmarks="true",
        resourceVersion=resource_version,
        timeoutSeconds=str(timeout_seconds),
        labelSelector=label_selector,
        fieldSelector=field_selector,
    )
    return Request("GET", resource.path(namespace=namespace), query)


def create(
    resource: Resource, body: JsonObject, *, namespace: str = "", manager: str = ""
) -> Request:
    """POST of a new object; kind and apiVersion are filled in."""
    return Request(
        "POST",
        resource.path(namespace=namespace),
        _query(fieldManager=manager),
        JSON,
        _json(_identified(resource, body)),
        repeatable=False,
    )


def apply(
    resource: Resource,
    name: str,
    body: JsonObject,
    *,
    manager: str,
    namespace: str = "",
    force: bool = False,
    subresource: str = "",
    dry_run: bool = False,
) -> Request:
    """Server-side apply: `body` holds the fields that the manager wants, and no others."""
    meta = {**body.get("metadata", {}), "name": name}
    if resource.namespaced:
        meta["namespace"] = namespace
    return Request(
        "PATCH",
        resource.path(namespace=namespace, name=name, subresource=subresource),
        _query(
            fieldManager=manager,
            force="true" if force else "false",
            dryRun="All" if dry_run else "",
        ),
        APPLY,
        _json(_identified(resource, {**body, "metadata": meta})),
    )


def json_patch(
    resource: Resource,
    name: str,
    operations: Sequence[Mapping[str, Any]],
    *,
    manager: str,
    namespace: str = "",
    subresource: str = "",
) -> Request:
    """JSON patch (RFC 6902). Not repeatable: adding to a list twice adds twice."""
    return Request(
        "PATCH",
        resource.path(namespace=namespace, name=name, subresource=subresource),
        _query(fieldManager=manager),
        JSON_PATCH,
        _json(list(operations)),
        repeatable=False,
    )


def merge_patch(
    resource: Resource,
    name: str,
    body: JsonObject,
    *,
    manager: str,
    namespace: str = "",
    subresource: str = "",
) -> Request:
    """JSON merge patch (RFC 7386)."""
    return Request(
        "PATCH",
        resource.path(namespace=namespace, name=name, subresource=subresource),
        _query(fieldManager=manager),
        MERGE_PATCH,
        _json(body),
    )


def update(
    resource: Resource,
    body: JsonObject,
    *,
    manager: str,
    subresource: str = "",
) -> Request:
    """PUT of a whole object; guarded against lost updates when it carries a resourceVersion."""
    meta = body["metadata"]
    return Request(
        "PUT",
        resource.path(
            namespace=meta.get("namespace", ""), name=meta["name"], subresource=subresource
        ),
        _query(fieldManager=manager),
        JSON,
        _json(_identified(resource, body)),
        # With a resourceVersion, the second copy of a write that got through is a false conflict.
        repeatable="resourceVersion" not in meta,
    )


def delete(
    resource: Resource,
    name: str,
    *,
    namespace: str = "",
    uid: str = "",
    resource_version: str = "",
    propagation: str = "",
) -> Request:
    """DELETE of one object; with `uid` or `resource_version` only if it is still that one."""
    guards = {"uid": uid, "resourceVersion": resource_version}
    preconditions = {key: value for key, value in guards.items() if value}
    options: JsonObject = {"apiVersion": "v1", "kind": "DeleteOptions"}
    if preconditions:
        options["preconditions"] = preconditions
    if propagation:
        options["propagationPolicy"] = propagation
    return Request(
        "DELETE",
        resource.path(namespace=namespace, name=name),
        content_type=JSON,
        body=_json(options),
    )


def _segment(part: str) -> str:
    # "." and ".." survive quoting, and would be folded away on the road.
    if part in {".", ".."}:
        raise ValueError(f"{part!r} is no name of an object")
    return quote(part, safe="")


def _query(**parameters: str) -> tuple[tuple[str, str], ...]:
    return tuple((key, value) for key, value in parameters.items() if value)


def _identified(resource: Resource, body: JsonObject) -> JsonObject:
    return {"apiVersion": resource.api_version, "kind": resource.kind, **body}


def _json(value: object) -> bytes:
    """JSON that is also YAML, as which an apply is read.

    YAML knows no pairs of surrogates, so letters stay letters; what it does not take as it is, or
    would fold into a space, is escaped.
    """
    text = json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    return _NOT_IN_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()
