"""Which server they run, and what it has to serve."""

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from inferencehealth.api.base import Model
from inferencehealth.api.endpoints import Endpoints
from inferencehealth.api.fields import EntryKey, Name, ObjectName, Port
from inferencehealth.api.rules import Rule, rules


class ProfileName(StrEnum):
    """The servers we know; `auto` recognises one of them, `custom` is described in the policy."""

    AUTO = "auto"
    TRITON = "triton"
    KSERVE = "kserve"
    ASR = "asr"
    VLLM = "vllm"
    SGLANG = "sglang"
    TGI = "tgi"
    TEI = "tei"
    NIM = "nim"
    LLAMACPP = "llamacpp"
    OLLAMA = "ollama"
    INFINITY = "infinity"
    SPEACHES = "speaches"
    JETSTREAM = "jetstream"
    TENSORRT_LLM = "tensorrt-llm"
    DYNAMO = "dynamo"
    MLSERVER = "mlserver"
    OVMS = "ovms"
    TORCHSERVE = "torchserve"
    TFSERVING = "tfserving"
    RAYSERVE = "rayserve"
    BENTOML = "bentoml"
    LITSERVE = "litserve"
    SELDON = "seldon"
    RIVA = "riva"
    GRPC = "grpc"
    LIGHTNING_ASR = "lightning-asr"
    LICENSE_PROXY = "license-proxy"
    CUSTOM = "custom"


class RequiredModel(Model):
    """A model that has to serve before a pod counts as ready."""

    name: Annotated[str, Field(pattern=r"^[!-~]+$", min_length=1, max_length=253)] = Field(
        description="Name of the model as the server knows it."
    )
    version: str = Field(
        default="",
        max_length=63,
        pattern=r"^[A-Za-z0-9._-]*$",
        description="Version that has to serve; empty: any version.",
    )


class Models(Model):
    """Which models have to serve."""

    # As a map of name and version the list would need a default for the version, which Argo CD
    # takes for a change of what stands in Git (seen on 3.2); of objects in a set, server-side
    # apply makes nothing at all (seen on 1.36).
    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                "!has(self.required) || self.required.all(a, self.required.exists_one(b, "
                "a.name == b.name && (has(a.version) ? a.version : '') == "
                "(has(b.version) ? b.version : '')))",
                "each model, or version of one, is named once",
                "required",
            )
        )
    )

    required: tuple[RequiredModel, ...] = Field(
        default=(),
        max_length=256,
        description="Models without which a pod is not ready.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    discover: bool = Field(
        default=True,
        description="Also report on models that the server itself lists. One of them that fails "
        "to load makes a pod Degraded; a required one makes it Broken.",
    )


class Components(Model):
    """Which parts behind an API server have to be up."""

    required: tuple[Name, ...] = Field(
        default=(),
        max_length=64,
        description="Components without which a pod is not ready; for profiles grpc and riva, "
        "names of gRPC services. Empty: the profile's own list.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    optional: tuple[Name, ...] = Field(
        default=(),
        max_length=64,
        description="Components whose failure makes a pod Degraded, not Broken.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )


class Scheme(StrEnum):
    """How the server is spoken to."""

    HTTP = "HTTP"
    HTTPS = "HTTPS"


class ConfigMapKey(Model):
    """One entry of a ConfigMap in the policy's namespace."""

    name: ObjectName = Field(description="Name of the ConfigMap, in the policy's namespace.")
    key: EntryKey = Field(default="ca.crt", description="Key of the entry.")


class CaSource(Model):
    """Where the certificates of trusted authorities stand."""

    config_map: ConfigMapKey = Field(description="A ConfigMap with certificates in PEM form.")


class Tls(Model):
    """How far the operator's own checks trust the server's certificate.

    The kubelet's probes never verify it (Kubernetes docs, HTTP probes).
    """

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                "has(self.caFrom) != (has(self.insecureSkipVerify) && self.insecureSkipVerify)",
                "give either caFrom, to verify the server's certificate, or insecureSkipVerify: "
                "true, to trust whoever answers",
                "caFrom",
            ),
            Rule(
                "!has(self.caFrom) || (has(self.serverName) && size(self.serverName) > 0)",
                "caFrom needs serverName: certificates are seldom made out to the IP address of "
                "a pod, by which it is asked",
                "serverName",
            ),
        )
    )

    ca_from: CaSource | None = Field(
        default=None, description="Authorities that may have signed the server's certificate."
    )
    server_name: str = Field(
        default="",
        max_length=253,
        pattern=r"^[A-Za-z0-9.-]*$",
        description="Name that the certificate must be made out to; also sent as SNI.",
    )
    insecure_skip_verify: bool = Field(
        default=False, description="Take any certificate, as the kubelet's probes do."
    )


class Server(Model):
    """Which server it is and what it has to serve."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                "(has(self.profile) && self.profile == 'custom') == has(self.endpoints)",
                "profile custom needs endpoints (at least endpoints.ready), "
                "and endpoints belong to profile custom only",
                "endpoints",
            ),
            Rule(
                "!(has(self.profile) && self.profile == 'custom') || has(self.port)",
                "profile custom needs port: nothing else tells where the server listens",
                "port",
            ),
            Rule(
                "!has(self.port) || type(self.port) != int || (self.port >= 1 && "
                "self.port <= 65535)",
                "a port number lies between 1 and 65535",
                "port",
            ),
            Rule(
                "(has(self.scheme) && self.scheme == 'HTTPS') == has(self.tls)",
                "scheme HTTPS needs tls (caFrom or insecureSkipVerify), "
                "and tls belongs to scheme HTTPS only",
                "tls",
            ),
        )
    )

    profile: ProfileName = Field(
        default=ProfileName.AUTO,
        description="The server's profile; auto recognises it from image, command and ports.",
    )
    port: Port | None = Field(
        default=None,
        description="HTTP port of the server: number or name of a container port. "
        "Default: found by the profile.",
    )
    scheme: Scheme = Field(
        default=Scheme.HTTP, description="HTTPS where the server itself ends TLS."
    )
    tls: Tls | None = Field(default=None, description="Which certificate is trusted.")
    models: Models = Field(default=Models(), description="Models that have to serve.")
    components: Components = Field(
        default=Components(), description="Components that have to be up."
    )
    endpoints: Endpoints | None = Field(
        default=None, description="Endpoints of a server with profile custom."
    )
