"""What a policy asks for about probes: how far to go, promises in seconds, exact numbers."""

from enum import StrEnum

from pydantic import ConfigDict, Field

from inferencehealth.api.base import Model
from inferencehealth.api.durations import Duration
from inferencehealth.api.rules import Rule, rules


class Mode(StrEnum):
    """How far the operator goes with probes."""

    OFF = "Off"
    RECOMMEND = "Recommend"
    INITIAL = "Initial"
    APPLY = "Apply"


class Existing(StrEnum):
    """What happens to a probe that the author of the workload wrote."""

    KEEP = "Keep"
    REPLACE = "Replace"


class OnDelete(StrEnum):
    """What becomes of our probes when the policy lets go of a workload."""

    RETAIN = "Retain"
    RESTORE = "Restore"


class Day(StrEnum):
    """A day of the week."""

    MON = "Mon"
    TUE = "Tue"
    WED = "Wed"
    THU = "Thu"
    FRI = "Fri"
    SAT = "Sat"
    SUN = "Sun"


class Strategy(StrEnum):
    """What a liveness probe asks."""

    PROFILE = "Profile"
    PROCESS = "Process"


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


_TIME = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"


class Window(Model):
    """When rollouts may be started, every week.

    One that ends before it starts runs past midnight.
    """

    days: tuple[Day, ...] = Field(
        default=tuple(Day),
        min_length=1,
        max_length=7,
        description="Days on which the window opens.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    start: str = Field(pattern=_TIME, description="When it opens, HH:MM.", examples=["22:00"])
    end: str = Field(pattern=_TIME, description="When it closes, HH:MM.", examples=["04:00"])
    time_zone: str = Field(
        default="UTC",
        min_length=1,
        max_length=64,
        pattern=r"^[A-Za-z0-9_+/-]+$",
        description="Name in the IANA time zone database, such as Europe/Berlin.",
    )


class Rollout(Model):
    """How mode Apply changes running workloads: each change rolls the pods of one."""

    max_concurrent: int = Field(
        default=1, ge=1, le=100, description="Workloads that may roll at the same time."
    )
    halt_on_failure: bool = Field(
        default=True,
        description="When a rollout of ours fails (ProgressDeadlineExceeded, or verdicts that got "
        "worse), put the old probes back on that workload and change no other until the policy "
        "or that workload changes.",
    )
    window: Window | None = Field(
        default=None, description="Start rollouts only within this window. Default: at any time."
    )


class Probes(Model):
    """What to do about probes."""

    mode: Mode = Field(
        default=Mode.RECOMMEND,
        description='"Off" (in quotes, because YAML reads a bare Off as false): nothing. '
        "Recommend: the patch stands in the report and nothing is "
        "touched. Initial: probes join a rollout that somebody else starts, at admission; nothing "
        "is rolled for them. Apply: running workloads are patched, which rolls their pods once.",
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
    learn_startup: bool = Field(
        default=True,
        description="Raise the startup budget where the pods were seen to load more slowly than "
        "the profile expects; budgets.maxStartup, where given, stays as it is.",
    )
    rollout: Rollout = Field(default=Rollout(), description="How mode Apply goes about it.")
    on_delete: OnDelete = Field(
        default=OnDelete.RETAIN,
        description="What becomes of our probes when the policy is deleted or selects the workload "
        "no longer. Retain: they stay and nobody manages them. Restore: the author's own come "
        "back, which rolls the pods once. A readiness gate of ours goes in either case: nobody "
        "would open it.",
    )
