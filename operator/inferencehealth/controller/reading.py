"""Objects from the API server as values: a policy that can't be read is a value too. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from inferencehealth.api.metadata import Metadata
from inferencehealth.api.policy import Policy
from inferencehealth.api.problems import explain
from inferencehealth.api.report import Report
from inferencehealth.api.status import PolicyStatus
from inferencehealth.api.target import Target


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A policy whose spec this operator does not understand, and why."""

    metadata: Metadata
    status: PolicyStatus
    message: str
    target: Target | None
    """The workloads that it is about, as far as that much can be read."""


def read_policies(
    raw: Iterable[Mapping[str, Any]],
) -> tuple[tuple[Policy, ...], tuple[Unreadable, ...]]:
    """The policies that can be read and those that can't; the ones being deleted are neither."""
    good: list[Policy] = []
    bad: list[Unreadable] = []
    for each in raw:
        if each["metadata"].get("deletionTimestamp"):
            continue
        try:
            good.append(Policy.model_validate(each))
        except ValidationError as error:
            bad.append(_unreadable(each, error))
    return tuple(good), tuple(bad)


def _unreadable(raw: Mapping[str, Any], error: ValidationError) -> Unreadable:
    try:
        status = PolicyStatus.model_validate(raw.get("status") or {})
    except ValidationError:
        status = PolicyStatus()  # written by another version of us: it is about to be replaced
    try:
        target = Target.model_validate((raw.get("spec") or {}).get("target"))
    except ValidationError:
        target = None
    return Unreadable(Metadata.model_validate(raw["metadata"]), status, explain(error), target)


def read_reports(raw: Iterable[Mapping[str, Any]]) -> dict[str, Report | None]:
    """Reports by name; None for one that can't be read, which is to be written anew."""
    found: dict[str, Report | None] = {}
    for each in raw:
        try:
            found[each["metadata"]["name"]] = Report.model_validate(each)
        except ValidationError:
            found[each["metadata"]["name"]] = None
    return found
