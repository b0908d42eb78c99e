"""A workload as pages and numbers show it: made of a view, small enough to be kept. Pure."""

from dataclasses import dataclass

from inferencehealth.controller.views import View, is_short


@dataclass(frozen=True, slots=True)
class Part:
    """A model or component of a workload: pods on which it serves, of those that were asked."""

    name: str
    serving: int
    asked: int


@dataclass(frozen=True, slots=True)
class WorkloadState:
    """A workload as its policy sees it.

    `serving` of `wanted` pods count as healthy; `short`: that is less than it should be. `loads`
    is the longest of the learned 90th percentiles of its startup in seconds, None before any load
    was seen.
    """

    kind: str
    name: str
    verdict: str
    reason: str
    serving: int
    wanted: int
    short: bool
    models: tuple[Part, ...] = ()
    components: tuple[Part, ...] = ()
    loads: float | None = None

    @property
    def ref(self) -> str:
        """Kind and name, as kubectl takes them."""
        return f"{self.kind.lower()}/{self.name}"


def state(view: View) -> WorkloadState:
    """What is kept of a workload: bounded, and without a word that a server said."""
    health, workload = view.health, view.report.spec.workload
    return WorkloadState(
        kind=workload.kind,
        name=workload.name,
        verdict=health.verdict,
        reason=health.reason,
        serving=view.serving,
        wanted=max(view.desired, health.counts.total),
        short=is_short(view),
        models=tuple(
            Part(f"{m.name}:{m.version}" if m.version else m.name, m.ready, m.total)
            for m in health.models
        ),
        components=tuple(Part(c.name, c.ready, c.total) for c in health.components),
        loads=max((startup.p90 for startup in health.startups), default=None),
    )
