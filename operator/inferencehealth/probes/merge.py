"""What happens to each probe of a container: kept, recommended, injected, replaced or removed."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from inferencehealth.api.probes import Existing, Mode
from inferencehealth.kubelet import HANDLER_KINDS, same_probe


class Action(StrEnum):
    """What the plan does about one probe."""

    OFF = "Off"
    RECOMMEND = "Recommend"
    JOIN = "Join"
    """As it should be from the next rollout on, which somebody else starts (mode Initial)."""
    KEEP = "Keep"
    """The author's probe stays, or there is none and none is wanted."""
    INJECT = "Inject"
    """Ours is added, or our former one brought up to date."""
    REPLACE = "Replace"
    """Ours takes the place of the author's, as a whole."""
    REMOVE = "Remove"
    """Ours goes, because the policy no longer wants one."""
    IN_PLACE = "InPlace"


WRITES = frozenset({Action.INJECT, Action.REPLACE, Action.REMOVE})
"""Actions that change the workload."""

ADVISED = frozenset({Action.RECOMMEND, Action.JOIN})
"""Actions that leave the workload as it is for now, and show what should be."""


@dataclass(frozen=True, slots=True)
class ProbePlan:
    """One probe of the server's container.

    `kind` is its field (livenessProbe …); `reason` says why these numbers, or why it stays;
    `ours` whether the probe that is there now was written by us.
    """

    kind: str
    wanted: dict[str, Any] | None
    action: Action
    existing: dict[str, Any] | None
    ours: bool
    reason: str


def decide(
    *,
    mode: Mode,
    policy: Existing,
    wanted: Mapping[str, Any] | None,
    existing: Mapping[str, Any] | None,
    ours: bool,
    hands_off: bool,
) -> Action:
    """What happens to one probe. `hands_off`: another controller makes the workload."""
    if mode is Mode.OFF:
        return Action.OFF
    if same_probe(wanted, existing):
        return Action.IN_PLACE if wanted else Action.KEEP
    if existing and not ours and (policy is Existing.KEEP or not wanted):
        return Action.KEEP
    if hands_off or mode is Mode.RECOMMEND:
        return Action.RECOMMEND
    if mode is Mode.INITIAL:
        return Action.JOIN
    if not wanted:
        return Action.REMOVE
    return Action.REPLACE if existing and not ours else Action.INJECT


def merge_patch(wanted: Mapping[str, Any] | None, existing: Mapping[str, Any] | None) -> Any:
    """What `kubectl patch` needs to leave exactly `wanted`: the probe, and null for the rest.

    A handler of another kind has to go in the same write; a pod may not have two.
    """
    if wanted is None:
        return None
    before = existing or {}
    gone = {key: None for key in before if key not in wanted}
    return {
        **{key: _nested(value, before.get(key)) for key, value in wanted.items()},
        **{key: None for key in HANDLER_KINDS if key in gone},
        **gone,
    }


def _nested(value: Any, before: Any) -> Any:
    if not isinstance(value, dict) or not isinstance(before, dict):
        return value
    return {**value, **{key: None for key in before if key not in value}}
