"""What is remembered of one pod between two rounds, so that a round asks only what is useful.

A pod takes about 100 bytes, with canaries 300 more for each model; lists are shared by a
workload's pods. Times are seconds of a clock that never goes back. All of it ends with the start
of the container that it is about.
"""

from dataclasses import dataclass, field

from inferencehealth.checker.canary import CanaryState
from inferencehealth.checks.progress import Sample
from inferencehealth.checks.steps import Reading
from inferencehealth.profiles.auto_canary import Target


@dataclass(slots=True, eq=False)
class RoundMemory:
    """One pod. `canaries` are by the model that they ask."""

    listed: dict[str, Reading] | None = None
    """What the steps said, by name, that are asked only now and then."""
    listed_at: float = 0.0
    serves: bool = False
    """Whether the last round, as a whole, said that the server serves."""
    slow: bool = False
    """Whether the last round ended without an answer, so that the counters are asked at once."""
    took: float = 0.0
    """Seconds of the slowest answer in the last round; 0 where none came."""
    sample: Sample | None = None
    """The last look at the counters while the server was slow."""
    canaries: dict[Target, CanaryState] = field(default_factory=dict)
