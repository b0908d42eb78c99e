"""Which probe a pod will live with, once a plan has been carried out."""

from typing import Any

from inferencehealth.probes.merge import WRITES, Action, ProbePlan


def effective(probe: ProbePlan) -> dict[str, Any] | None:
    """The probe that the pod will live with if the owner does nothing more."""
    return probe.wanted if probe.action in WRITES else probe.existing


def prospective(probe: ProbePlan) -> dict[str, Any] | None:
    """The probe in effect or, where there is none, the one that the owner is advised to take."""
    return effective(probe) or (None if probe.action is Action.OFF else probe.wanted)
