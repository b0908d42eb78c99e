import pytest

from inferencehealth.api.conditions import Condition, ConditionStatus
from inferencehealth.api.status import PolicyStatus, VerdictCounts
from inferencehealth.controller.transitions import Transition, transition


def status(ready: str, *, moving: bool = False, broken: int = 0) -> PolicyStatus:
    conditions = {"Ready": ready, "Reconciling": "True" if moving else "False"}
    return PolicyStatus(
        pods=VerdictCounts(total=2, broken=broken),
        conditions=tuple(
            Condition(type=type_, status=ConditionStatus(value), reason="Why", message="for so")
            for type_, value in conditions.items()
        ),
    )


NORMAL, WARNING = Transition("Normal", "Why", "for so"), Transition("Warning", "Why", "for so")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (status("True"), status("False", broken=1), WARNING),
        (status("True"), status("Unknown"), WARNING),
        (status("Unknown"), status("False"), WARNING),
        (status("False"), status("True"), NORMAL),
        (status("Unknown", moving=True), status("True"), NORMAL),
        (status("True"), status("False", moving=True, broken=1), WARNING),
        (status("True"), status("False", moving=True), None),  # pods load: it mends itself
        (status("True"), status("Unknown", moving=True), None),  # a new spec is being checked
        (status("False", broken=1), status("False", broken=2), None),
        (PolicyStatus(), status("False"), None),  # the first look is no change
    ],
)
def test_a_change_of_ready_is_told_once_and_what_mends_itself_never(
    old: PolicyStatus, new: PolicyStatus, told: Transition | None
) -> None:
    assert transition(old, new) == told
