"""Whether a case has come to rest in a phase: what is still missing, in words. Pure."""

from e2e.ecosystem import cases
from e2e.ecosystem.cases import Case, Phase
from e2e.ecosystem.manifests import NEXT_IMAGE
from e2e.ecosystem.messages import told
from e2e.ecosystem.play import Actor
from e2e.ecosystem.seen import Sight

CONFLICTED = "ProbesConflicted"
BAD = {"argo": "Degraded", "flux": "HealthCheckFailed"}
"""How the tools call a policy that is Broken; Flux after the Kustomization's timeout."""


def unsettled(phase: Phase, actor: Actor, sight: Sight) -> str:
    """What is missing until the phase has come to its end."""
    if actor.case is cases.BROKEN and phase is Phase.POLICY:
        return "" if BAD[actor.tool.name] in actor.tool.state(sight.told) else "is not bad yet"
    if (state := actor.tool.state(sight.told)) != actor.tool.good:
        return f"{state}: {told(sight.told)[:300]}"
    if not sight.is_rolled_out:
        return "rolls"
    if phase is Phase.CHANGE and sight.image != NEXT_IMAGE:
        return f"has {sight.image}"
    if phase is Phase.GONE:
        return "has a policy" if sight.policy else "has a report" if sight.report else ""
    if phase is Phase.BEGIN and not actor.case.policy_first:
        return ""
    return _unanswered(actor.case, sight, phase)


def _unanswered(case: Case, sight: Sight, phase: Phase) -> str:
    """What is missing until the policy says what it is to say."""
    if not sight.policy:
        return "no policy"
    if case.fights and phase is Phase.POLICY:
        status, _, message = sight.condition(CONFLICTED)
        return "" if status == "True" else f"no conflict told: {message}"
    if not sight.is_answered or sight.condition("Ready")[0] != "True":
        return f"{sight.condition('Ready')} {sight.condition('Reconciling')}"
    if not sight.is_counted:
        return "still counts a pod that ends"
    injected, _, message = sight.condition("ProbesInjected")
    return "" if case.mode == "Recommend" or injected == "True" else message
