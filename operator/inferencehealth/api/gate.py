"""When a readiness gate keeps a pod out of Services, and what it may never do."""

from typing import Annotated

from pydantic import ConfigDict, Field

from inferencehealth.api.base import Model
from inferencehealth.api.durations import Duration
from inferencehealth.api.rules import Rule, rules

PodCount = Annotated[
    int | str,
    Field(
        json_schema_extra={
            "x-kubernetes-int-or-string": True,
            "x-kubernetes-validations": [
                {
                    "rule": "type(self) == int ? self >= 0 && self <= 1000000 : "
                    "self.matches('^(100|[1-9]?[0-9])%$')",
                    "message": "give a number of pods, such as 1, or a share, such as 50%",
                }
            ],
        }
    ),
]


class GateLimits(Model):
    """What keeps the readiness gate from doing harm when the operator itself is in trouble."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                "duration(self.failOpenAfter) >= duration('15s') && "
                "duration(self.failOpenAfter) <= duration('1h')",
                "failOpenAfter lies between 15s and 1h",
                "failOpenAfter",
            ),
        )
    )

    fail_open_after: Duration = Field(
        default=60.0,
        description="When no checker has been alive for this long, all gates of the workload are "
        "opened: the kubelet's own probes then decide alone.",
    )
    floor: PodCount = Field(
        default=1,
        description="Pods of each workload whose gate stays open whatever their verdict, as a "
        "number or a share of all (rounded up), so that the operator can never empty a Service. "
        "0 allows that.",
    )
