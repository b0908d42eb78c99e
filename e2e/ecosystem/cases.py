"""The cases: what is in Git, what the policy asks for, what rollouts that may cost. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TypeVar

from e2e.ecosystem.manifests import (
    AUTHORS_PROBES,
    IMAGE,
    NEXT_IMAGE,
    NOTE,
    Document,
    deployment,
    policy,
)
from e2e.ecosystem.models import SERVED
from e2e.ecosystem.repository import MODELS

T = TypeVar("T")


class Phase(Enum):
    """What happens one after the other in every case; a quiet period follows each but the first."""

    BEGIN = "the workload is in Git"
    POLICY = "and a policy"
    CHANGE = "a new image in Git"
    GONE = "the policy is reverted in Git"


@dataclass(frozen=True, slots=True)
class Case:
    """A Deployment under a GitOps tool with self-heal, and a policy of ours.

    `rollouts` are those after each phase, in all: the first is that of the creation.
    """

    name: str
    mode: str
    rollouts: tuple[int, int, int, int]
    existing: str = "Keep"
    probes: Mapping[Phase, Document] = field(default_factory=dict)
    """The author's probes in Git from that phase on."""
    remedied: bool = True
    """Whether the tool was told from the beginning what our docs say to tell it."""
    policy_first: bool = False
    models: Mapping[Phase, str] = field(default_factory=dict)
    """The model that the policy requires, from that phase on; at first the one that is served."""
    on_delete: str = "Restore"
    client_side: bool = False
    """Whether Argo CD applies as it does by default, and not by server-side apply."""
    fights: bool = False
    """Whether the tool takes our probes back until we give up; from CHANGE on, with the remedy."""

    takes: bool = False
    """Whether from CHANGE on our probes are in Git, as the report has them."""

    def taking(self, probes: Document) -> "Case":
        """The same with those probes in Git from CHANGE on."""
        return replace(self, probes={**self.probes, Phase.CHANGE: probes})

    def files(self, phase: Phase, port: int, policies: str = MODELS) -> dict[str, list[Document]]:
        """All that is in Git in that phase; `policies` is the folder of the policy."""
        changed = phase in (Phase.CHANGE, Phase.GONE)
        image = NEXT_IMAGE if changed else IMAGE
        workload = deployment(port, image=image, probes=self.probes_in_git(phase))
        found = {f"{MODELS}/deployment.yaml": [workload]}
        if policies != MODELS:
            found[f"{policies}/note.yaml"] = [NOTE]
        if phase in (Phase.POLICY, Phase.CHANGE) or (phase is Phase.BEGIN and self.policy_first):
            wave = -1 if self.mode == "Initial" else 1
            made = policy(
                self.mode,
                port,
                existing=self.existing,
                model=_at(self.models, phase, SERVED),
                on_delete=self.on_delete,
                wave=wave,
            )
            found[f"{policies}/policy.yaml"] = [made]
        return found

    def probes_in_git(self, phase: Phase) -> Document:
        """The author's probes in that phase."""
        return _at(self.probes, phase, {})


def _at(values: Mapping[Phase, T], phase: Phase, otherwise: T) -> T:
    """The last of the values that were set up to a phase."""
    phases = list(Phase)
    past = phases[: phases.index(phase) + 1]
    return next((values[each] for each in reversed(past) if each in values), otherwise)


WRITES = {"Recommend": 0, "Initial": 0, "Apply": 1}
"""Of ours, to the Deployment, until the quiet after the policy."""

EARLY = Case("early", "Recommend", (1, 1, 2, 2), policy_first=True)
"""Begun before our CRDs are there."""
BROKEN = Case(
    "broken",
    "Recommend",
    (1, 1, 2, 2),
    models={Phase.POLICY: "absent", Phase.CHANGE: SERVED},
)
"""Requires a model that nobody serves, until a later commit."""
UNKNOWN = -1
"""Rollouts of a fight: two a round, of which some may fall together."""
_BOTH = (
    Case("recommend", "Recommend", (1, 1, 2, 2), probes={Phase.BEGIN: AUTHORS_PROBES}),
    Case("initial", "Initial", (1, 1, 2, 3), policy_first=True),
    Case("apply", "Apply", (1, 2, 3, 4)),
    Case(
        "keep",
        "Apply",
        (1, 2, 3, 4),
        probes={Phase.BEGIN: {"readinessProbe": AUTHORS_PROBES["readinessProbe"]}},
    ),
)
_REPLACED = {Phase.BEGIN: AUTHORS_PROBES}
ARGO_CD = (
    *_BOTH,
    Case("replace", "Apply", (1, 2, 3, 4), existing="Replace", probes=_REPLACED),
    Case(
        "replace-client-side",
        "Apply",
        (1, 2, 3, 4),
        existing="Replace",
        probes=_REPLACED,
        client_side=True,
    ),
    *(
        Case(
            name,
            "Apply",
            (1, UNKNOWN, UNKNOWN, UNKNOWN),
            existing="Replace",
            probes=_REPLACED,
            remedied=False,
            client_side=client_side,
            fights=True,
        )
        for name, client_side in (("fight", False), ("fight-client-side", True))
    ),
)
FLUX = (
    *_BOTH,
    # The lines are deleted from Git, which is a rollout of its author's.
    Case(
        "replace",
        "Apply",
        (1, 3, 4, 5),
        existing="Replace",
        probes={Phase.BEGIN: AUTHORS_PROBES, Phase.POLICY: {}},
    ),
    Case(
        "fight",
        "Apply",
        (1, UNKNOWN, UNKNOWN, UNKNOWN),
        existing="Replace",
        probes={Phase.BEGIN: AUTHORS_PROBES, Phase.CHANGE: {}},
        remedied=False,
        fights=True,
    ),
    Case(
        "fight-taken-over",
        "Apply",
        (1, UNKNOWN, UNKNOWN, UNKNOWN),
        existing="Replace",
        probes=_REPLACED,
        remedied=False,
        fights=True,
        takes=True,
    ),
)
