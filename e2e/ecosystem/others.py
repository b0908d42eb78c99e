"""Kinds whose controllers do not run here, NIMService and RayService: their definitions and roles.

What matters to us is that their objects own a Deployment as its controller, and which fields take
probes (NVIDIA/k8s-nim-operator api/apps/v1alpha1, ray-project/kuberay ray-operator/apis/ray/v1);
the rest is let through unread.
"""

from dataclasses import dataclass

from e2e.ecosystem.owned import Raw


@dataclass(frozen=True, slots=True)
class Kind:
    """A custom resource that owns a Deployment. `spec` is that of an object before any advice."""

    group: str
    version: str
    kind: str
    image: str
    args: tuple[str, ...]
    spec: Raw

    @property
    def api_version(self) -> str:
        """What its objects say."""
        return f"{self.group}/{self.version}"

    @property
    def plural(self) -> str:
        """What the API server calls them."""
        return f"{self.kind.lower()}s"


NIM_IMAGE = "nvcr.io/nim/meta/llama-3.1-8b-instruct:1.8"
RAY_IMAGE = "rayproject/ray:2.40.0"
NIM_SERVICE = Kind(
    "apps.nvidia.com",
    "v1alpha1",
    "NIMService",
    NIM_IMAGE,
    (),
    {"image": {"repository": "nvcr.io/nim/meta/llama-3.1-8b-instruct", "tag": "1.8"}},
)
RAY_SERVICE = Kind(
    "ray.io",
    "v1",
    "RayService",
    RAY_IMAGE,
    ("serve", "run", "app:app"),
    {
        "rayClusterConfig": {
            "headGroupSpec": {
                "template": {"spec": {"containers": [{"name": "server", "image": RAY_IMAGE}]}}
            }
        }
    },
)
KINDS = (NIM_SERVICE, RAY_SERVICE)


def definition(kind: Kind) -> Raw:
    """Its definition, which lets every field through."""
    loose = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": kind.version,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": loose}}},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{kind.group}"},
        "spec": {
            "group": kind.group,
            "scope": "Namespaced",
            "names": {"plural": kind.plural, "singular": kind.kind.lower(), "kind": kind.kind},
            "versions": [version],
        },
    }


def instance(kind: Kind) -> Raw:
    """An object of it."""
    return {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {"name": "model"},
        "spec": kind.spec,
    }


def deployment(kind: Kind, uid: str) -> Raw:
    """The Deployment that its controller would make for the object of that uid."""
    owner = {"apiVersion": kind.api_version, "kind": kind.kind, "name": "model", "uid": uid}
    labels = {"app": "model"}
    container = {"name": "server", "image": kind.image, "args": list(kind.args)}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "model",
            "labels": {"tier": "inference"},
            "ownerReferences": [{**owner, "controller": True}],
        },
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }
