"""What was found out about a server: the input of a diagnosis, collected by the command."""

from dataclasses import dataclass
from enum import StrEnum

from inferencehealth.checker.once import Checked
from inferencehealth.kube.pods import ContainerRecord, PodRecord


@dataclass(frozen=True, slots=True)
class NameSeen:
    """A host's name: its addresses, or why it has none."""

    host: str
    addresses: tuple[str, ...] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class PodsSeen:
    """A workload's pods: how many it wants, has, and has ready; `trouble`: why none are made."""

    wanted: int
    total: int
    ready: int
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class PodSeen:
    """The one pod that is looked at, its container of the server, and the kubelet's own words.

    `age` is for how many seconds the container's process runs, None while none does.
    """

    record: PodRecord
    container: str
    words: str = ""
    age: float | None = None

    @property
    def name(self) -> str:
        """Its name."""
        return self.record.name

    @property
    def server(self) -> ContainerRecord | None:
        """The container, if the pod has one of that name."""
        return self.record.container(self.container)


class Listening(StrEnum):
    """How an attempt to connect to a port ended."""

    YES = "listens"
    REFUSED = "refused"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class PortSeen:
    """Another port on which the server might listen, and by what it is known."""

    number: int
    listening: Listening
    known_by: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """What the operator says of the pod, or of the workload where it names no pod."""

    verdict: str
    reason: str
    message: str = ""
    findings: tuple[tuple[str, str, str], ...] = ()
    """Id, message and remedy of what the checks found out about kubelet and pods."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that was found out. Times in seconds; what was not looked for is None or empty.

    `direct` is the deep check from here, `proxied` the same through the API server, `patient` the
    same with much more time, `swapped` the same with TLS for plain HTTP or the reverse.
    `policies` are the NetworkPolicies that restrict who may reach the pod. `inside`: we run in
    the cluster, so that pods are normally reached.
    """

    target: str
    profile: str
    port: int
    timeout: float
    namespace: str = ""
    workload: str = ""
    https: bool = False
    inside: bool = False
    startup_budget: float = 0.0
    name: NameSeen | None = None
    pods: PodsSeen | None = None
    pod: PodSeen | None = None
    direct: Checked | None = None
    proxied: Checked | None = None
    patient: Checked | None = None
    swapped: Checked | None = None
    ports: tuple[PortSeen, ...] = ()
    policies: tuple[str, ...] = ()
    trouble: str = ""
    """Why the server could not be asked at all: not recognised, or its authorities unreadable."""
    told: Told | None = None
