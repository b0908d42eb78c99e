"""InferenceHealthPolicy: what a team asks for, and the summary it reads back.

The models are the single source of the CRD's schema: a field's description becomes
`kubectl explain`, its bounds become OpenAPI, its `rules` become CEL that the API server
evaluates, so nonsense is refused when it is applied.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field

from inferencehealth.api.base import Model
from inferencehealth.api.conditions import Condition
from inferencehealth.api.durations import Duration
from inferencehealth.api.rules import Rule, rules

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


class WorkloadKind(StrEnum):
    """Kinds of workload a policy can select."""

    DEPLOYMENT = "Deployment"
    STATEFUL_SET = "StatefulSet"


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


class Mode(StrEnum):
    """How far the operator goes with probes."""

    OFF = "Off"
    RECOMMEND = "Recommend"
    APPLY = "Apply"


class Existing(StrEnum):
    """What happens to a probe that the author of the workload wrote."""

    KEEP = "Keep"
    REPLACE = "Replace"


class Strategy(StrEnum):
    """What a liveness probe asks."""

    PROFILE = "Profile"
    PROCESS = "Process"


class Operator(StrEnum):
    """Operators of a label selector requirement."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


class Requirement(Model):
    """One requirement on the labels of a workload."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                "self.operator in ['In', 'NotIn'] ? has(self.values) && size(self.values) > 0 "
                ": !has(self.values) || size(self.values) == 0",
                "In and NotIn need values; Exists and DoesNotExist take none",
            )
        )
    )

    key: Name = Field(description="Label key.")
    operator: Operator = Field(description="How the label's value relates to `values`.")
    values: tuple[Annotated[str, Field(max_length=63)], ...] = Field(
        default=(),
        max_length=64,
        description="Values for In and NotIn.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )


class Selector(Model):
    """Which workloads of the policy's own namespace it is about, by their labels."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                "(has(self.matchLabels) && size(self.matchLabels) > 0) || "
                "(has(self.matchExpressions) && size(self.matchExpressions) > 0)",
                "the selector is empty and would select every workload of the namespace; "
                "name at least one label in matchLabels or matchExpressions",
            )
        )
    )

    match_labels: dict[str, str] = Field(
        default={},
        max_length=64,
        description="Labels that the workload must carry, all of them.",
        examples=[{"tier": "inference"}],
    )
    match_expressions: tuple[Requirement, ...] = Field(
        default=(),
        max_length=64,
        description="Further requirements on the workload's labels, all of them.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )


class Target(Model):
    """Which workloads, and which of their containers."""

    kinds: tuple[WorkloadKind, ...] = Field(
        default=(WorkloadKind.DEPLOYMENT,),
        min_length=1,
        max_length=2,
        description="Kinds of workload to select.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    selector: Selector = Field(
        description="Labels of the workloads (not of their pods), in the policy's own namespace."
    )
    container: str = Field(
        default="",
        max_length=63,
        description="Name of the container that runs the server; empty: found by the profile.",
    )


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

    required: tuple[RequiredModel, ...] = Field(
        default=(),
        max_length=256,
        description="Models without which a pod is not ready.",
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name", "version"],
        },
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


class Shown(Model):
    """How an answer shows one state of the server: by its status and, if given, its body."""

    status: tuple[Annotated[int, Field(ge=100, le=599)], ...] = Field(
        min_length=1,
        max_length=32,
        description="HTTP status codes of such an answer; one of them.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    json_schema: dict[str, Any] | None = Field(
        default=None,
        description="JSON Schema (draft 2020-12) that the JSON body must satisfy as well, for "
        'example {"properties": {"status": {"const": "ok"}}, "required": ["status"]}.',
        json_schema_extra={"x-kubernetes-preserve-unknown-fields": True},
    )


class Expect(Shown):
    """What a good answer is like."""

    status: tuple[Annotated[int, Field(ge=100, le=599)], ...] = Field(
        default=(200,),
        min_length=1,
        max_length=32,
        description="HTTP status codes that count as good.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )


class Method(StrEnum):
    """How an endpoint is asked."""

    GET = "GET"
    POST = "POST"


STATES: Final = ("loading", "busy", "asleep", "failing", "silent")
"""Fields of an endpoint that describe a state which is not good, in the order they are compared."""

_SAME_STATUS: Final = " || ".join(
    f"(has(self.{state}) && self.{state}.status.exists(s, s in self.expect.status))"
    for state in STATES
)

_ENDPOINT_RULES: Final = (
    Rule(
        "!has(self.body) || (has(self.method) && self.method == 'POST')",
        "a body needs method POST",
        "body",
    ),
    Rule(
        "!has(self.port) || type(self.port) != int || (self.port >= 1 && self.port <= 65535)",
        "a port number lies between 1 and 65535",
        "port",
    ),
    Rule(
        f"has(self.expect.jsonSchema) || !({_SAME_STATUS})",
        "a status that expect takes for good can't show another state as well; "
        "tell them apart by a jsonSchema in expect",
        "expect",
    ),
)


class Endpoint(Model):
    """One endpoint of a server described in the policy, and what its answers mean.

    An answer is compared with `expect` first, then with the states in the order of STATES; what
    none of them describes fails.
    """

    model_config = ConfigDict(json_schema_extra=rules(*_ENDPOINT_RULES))

    path: Path = Field(description='Path and query, starting with "/". No scheme, no host.')
    port: Port | None = Field(
        default=None,
        description="Port of this endpoint where it is not spec.server.port: number or name of a "
        "container port.",
    )
    method: Method = Field(default=Method.GET, description="How it is asked.")
    body: dict[str, Any] | None = Field(
        default=None,
        description="JSON object to send, with method POST.",
        json_schema_extra={"x-kubernetes-preserve-unknown-fields": True},
    )
    expect: Expect = Field(default=Expect(), description="What a good answer is like.")
    loading: Shown | None = Field(
        default=None, description="Answers of a server that is still loading."
    )
    busy: Shown | None = Field(
        default=None, description="Answers of a server that is alive and too loaded to serve."
    )
    asleep: Shown | None = Field(
        default=None, description="Answers of a server that was put to sleep on purpose."
    )
    failing: Shown | None = Field(
        default=None,
        description="Answers of a server that says it does not serve, such as 401 or 502, which "
        "would otherwise say nothing about it. What is not described here fails too.",
    )
    silent: Shown | None = Field(
        default=None,
        description="Answers that something else gives in the server's place, as a proxy in the "
        "pod does: they count as no answer.",
    )


class ModelEndpoint(Endpoint):
    """The endpoint that tells about one model."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            *_ENDPOINT_RULES,
            Rule(
                "self.path.contains('{model}') || has(self.body) || has(self.expect.jsonSchema)",
                "endpoints.model must say where the model's name goes: {model} in its path, "
                "its body or expect.jsonSchema",
            ),
        )
    )

    path: Path = Field(
        description="Path in which {model} stands for the model's name and {version} for its "
        "version, for example /v1/models/{model}. They may stand in texts of the body and of "
        "jsonSchema as well."
    )


class Endpoints(Model):
    """A server that no profile knows, described by its endpoints."""

    live: Endpoint | None = Field(
        default=None,
        description="Good as long as the process works, whatever it serves; it becomes the "
        "liveness probe. Without it liveness is a TCP connect, which can't see a hung process.",
    )
    ready: Endpoint = Field(
        description="Good when the server serves; it becomes the readiness "
        "probe where the kubelet can read it."
    )
    model: ModelEndpoint | None = Field(
        default=None, description="Good when one required model serves."
    )
    components: Endpoint | None = Field(
        default=None,
        description='Answers with a JSON object {"components": {"name": "healthy", ...}}.',
    )

    def named(self) -> Mapping[str, Endpoint]:
        """Those that are given, by their names."""
        given = {
            "live": self.live,
            "ready": self.ready,
            "model": self.model,
            "components": self.components,
        }
        return {name: endpoint for name, endpoint in given.items() if endpoint}


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
    models: Models = Field(default=Models(), description="Models that have to serve.")
    components: Components = Field(
        default=Components(), description="Components that have to be up."
    )
    endpoints: Endpoints | None = Field(
        default=None, description="Endpoints of a server with profile custom."
    )


class Budgets(Model):
    """Promises in seconds, which the operator compiles into probe periods and thresholds."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                "!has(self.stopTrafficAfter) || !has(self.restartAfter) || "
                "duration(self.restartAfter) > duration(self.stopTrafficAfter)",
                "restartAfter must be longer than stopTrafficAfter: "
                "a pod leaves traffic before it is restarted",
                "restartAfter",
            ),
            Rule(
                "!has(self.maxStartup) || (duration(self.maxStartup) >= duration('10s') && "
                "duration(self.maxStartup) <= duration('24h'))",
                "maxStartup lies between 10s and 24h",
                "maxStartup",
            ),
            Rule(
                "!has(self.stopTrafficAfter) || (duration(self.stopTrafficAfter) >= "
                "duration('3s') && duration(self.stopTrafficAfter) <= duration('1h'))",
                "stopTrafficAfter lies between 3s and 1h",
                "stopTrafficAfter",
            ),
            Rule(
                "!has(self.restartAfter) || (duration(self.restartAfter) >= duration('10s') && "
                "duration(self.restartAfter) <= duration('24h'))",
                "restartAfter lies between 10s and 24h",
                "restartAfter",
            ),
        )
    )

    max_startup: Duration | None = Field(
        default=None,
        description="Longest time a pod may take to load before the kubelet restarts it. "
        "Default: the profile's.",
        examples=["10m"],
    )
    stop_traffic_after: Duration | None = Field(
        default=None,
        description="Longest time until a pod that stopped serving gets no more traffic. "
        "Default: the profile's.",
        examples=["15s"],
    )
    restart_after: Duration | None = Field(
        default=None,
        description="Longest time until the kubelet begins to restart a dead or hung server. "
        "Default: the profile's.",
        examples=["60s"],
    )


class ProbeNumbers(Model):
    """Exact kubelet numbers; each one given wins over the budgets."""

    initial_delay_seconds: int | None = Field(
        default=None, ge=0, le=86_400, description="Seconds to wait after the container started."
    )
    period_seconds: int | None = Field(
        default=None, ge=1, le=3_600, description="Seconds between two probes."
    )
    timeout_seconds: int | None = Field(
        default=None, ge=1, le=3_600, description="Seconds after which one probe has failed."
    )
    failure_threshold: int | None = Field(
        default=None, ge=1, le=100_000, description="Failures in a row that count."
    )


class Liveness(ProbeNumbers):
    """The liveness probe."""

    strategy: Strategy = Field(
        default=Strategy.PROFILE,
        description="Profile: what the server's documentation says. Process: only a dead or hung "
        "process fails, whatever the server depends on.",
    )


class Probes(Model):
    """What to do about probes."""

    mode: Mode = Field(
        default=Mode.RECOMMEND,
        description='"Off" (in quotes, because YAML reads a bare Off as false): nothing. '
        "Recommend: the patch stands in the report and nothing is "
        "touched. Apply: running workloads are patched, which rolls their pods once.",
    )
    existing: Existing = Field(
        default=Existing.KEEP,
        description="Keep: a probe written by the workload's author stays. Replace: ours takes "
        "its place as a whole.",
    )
    budgets: Budgets = Field(default=Budgets(), description="Promises in seconds.")
    startup: ProbeNumbers = Field(
        default=ProbeNumbers(), description="Exact numbers of the startup probe."
    )
    liveness: Liveness = Field(
        default=Liveness(), description="Strategy and exact numbers of the liveness probe."
    )
    readiness: ProbeNumbers = Field(
        default=ProbeNumbers(), description="Exact numbers of the readiness probe."
    )


class Checks(Model):
    """How often and how patiently the operator asks the pods itself."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                "duration(self.timeout) <= duration(self.interval)",
                "timeout must not be longer than interval",
                "timeout",
            ),
            Rule(
                "duration(self.interval) >= duration('1s') && "
                "duration(self.interval) <= duration('1h')",
                "interval lies between 1s and 1h",
                "interval",
            ),
            Rule(
                "duration(self.timeout) >= duration('100ms')",
                "timeout is at least 100ms",
                "timeout",
            ),
        )
    )

    interval: Duration = Field(default=10.0, description="Time between two checks of one pod.")
    timeout: Duration = Field(default=5.0, description="Time one request of a check may take.")
    failure_threshold: int = Field(
        default=3, ge=1, le=100, description="Failed checks in a row that make a pod Broken."
    )
    success_threshold: int = Field(
        default=1, ge=1, le=100, description="Good checks in a row that make it Ready again."
    )


class PolicySpec(Model):
    """What the policy asks for."""

    target: Target = Field(description="Workloads that the policy is about.")
    server: Server = Field(default=Server(), description="The server they run.")
    probes: Probes = Field(default=Probes(), description="Probes they should have.")
    checks: Checks = Field(default=Checks(), description="Checks the operator makes itself.")


class VerdictCounts(Model):
    """Number of pods by verdict."""

    total: int = Field(default=0, ge=0, description="All pods.")
    ready: int = Field(default=0, ge=0, description="Every required model and component serves.")
    degraded: int = Field(default=0, ge=0, description="Serves, but something optional is down.")
    busy: int = Field(default=0, ge=0, description="Alive, too loaded to answer in time.")
    loading: int = Field(default=0, ge=0, description="Alive, within the startup budget.")
    asleep: int = Field(default=0, ge=0, description="Put to sleep on purpose.")
    broken: int = Field(default=0, ge=0, description="Does not serve what is required.")
    unknown: int = Field(default=0, ge=0, description="Could not be asked.")


class ModelCount(Model):
    """One model over all pods."""

    name: str = Field(description="Name of the model.")
    ready: int = Field(ge=0, description="Pods on which it serves.")
    total: int = Field(ge=0, description="Pods that should serve it.")
    reason: str = Field(default="", description="Why it does not serve everywhere, in one word.")
    message: str = Field(default="", description="The same in a sentence.")


class Case(Model):
    """One pod that needs attention."""

    workload: str = Field(description="Kind and name of the workload, as kubectl takes it.")
    pod: str = Field(default="", description="Name of the pod; empty: the workload as a whole.")
    verdict: str = Field(description="Verdict on it.")
    reason: str = Field(description="Why, in one word.")
    message: str = Field(description="Why, in a sentence.")
    since: str = Field(default="", description="Since when (RFC 3339, UTC).")


class Summary(Model):
    """The status in words for kubectl's columns."""

    profile: str = Field(default="", description="Profiles found, by name.")
    workloads: int = Field(default=0, ge=0, description="Workloads that the policy holds.")
    pods: str = Field(default="0/0", description="Pods that serve, of all.")
    models: str = Field(default="-", description="Models that serve everywhere, of all.")
    verdict: str = Field(default="", description="Worst verdict on any pod.")


class PolicyStatus(Model):
    """What the operator found; bounded in size whatever the fleet's."""

    observed_generation: int = Field(
        default=0, ge=0, description="Generation of the spec that this status answers."
    )
    summary: Summary = Field(default=Summary(), description="One line about everything.")
    pods: VerdictCounts = Field(default=VerdictCounts(), description="Pods by verdict.")
    models: tuple[ModelCount, ...] = Field(
        default=(),
        max_length=50,
        description="Models over all pods, the worst 50.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    worst: tuple[Case, ...] = Field(
        default=(),
        max_length=20,
        description="The 20 worst cases.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    conditions: tuple[Condition, ...] = Field(
        default=(),
        max_length=16,
        description="Ready, ProbesInjected, ProbesConflicted, Reconciling, Stalled.",
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
        },
    )


class Metadata(Model):
    """The part of an object's metadata that we read."""

    model_config = ConfigDict(extra="ignore")

    name: str
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    creation_timestamp: str = ""
    deletion_timestamp: str | None = None


class Policy(Model):
    """A whole InferenceHealthPolicy as read from the API server or a file."""

    model_config = ConfigDict(extra="ignore")

    api_version: Literal["inferencehealth.dev/v1alpha1"]
    kind: Literal["InferenceHealthPolicy"]
    metadata: Metadata
    spec: PolicySpec
    status: PolicyStatus = PolicyStatus()
