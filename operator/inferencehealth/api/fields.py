"""Kinds of field that several parts of our objects share."""

from typing import Annotated

from pydantic import Field

# A path on the pod's own server: origin-form, printable ASCII. No scheme or host can be given.
PATH_PATTERN = r"^/[!-~]*$"
# DNS-1123 label, as Kubernetes demands of container names.
LABEL_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"

Path = Annotated[str, Field(pattern=PATH_PATTERN, max_length=1024)]
Port = Annotated[
    int | str,
    Field(
        json_schema_extra={"x-kubernetes-int-or-string": True},
        description="Port number (1-65535) or the name of a port of the container.",
    ),
]
Name = Annotated[str, Field(min_length=1, max_length=253)]
# As the API server names objects and entries (k8s.io/apimachinery pkg/util/validation,
# IsDNS1123Subdomain and IsConfigMapKey): never a path, nor part of one.
ObjectName = Annotated[
    str,
    Field(min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"),
]
EntryKey = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]
