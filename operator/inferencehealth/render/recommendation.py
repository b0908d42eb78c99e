"""A plan as advice: the probes with the reason for every number, as YAML, patch or diff. Pure."""

import difflib
import json
import textwrap
from collections.abc import Iterator

from inferencehealth.plan import ProbePlan
from inferencehealth.render.changes import Change
from inferencehealth.render.patches import merged, operations, takes_merge
from inferencehealth.render.writing import as_yaml

WIDTH = 88
"""Columns of a reason's comment lines."""


def as_snippet(change: Change) -> str:
    """The probes to paste into the container, each below the reason for its numbers."""
    return "".join(_told(probe) for probe in change.probes)


def as_patch(change: Change) -> str:
    """A strategic merge patch in JSON, for `kubectl patch --patch`; else one for `--type json`."""
    return json.dumps(merged(change) if takes_merge(change) else operations(change))


def as_diff(change: Change) -> str:
    """What would change, as a unified diff of the container's probes."""
    before = "".join(as_yaml({p.kind: p.existing}) for p in change.probes if p.existing)
    after = as_snippet(change)
    name = f"{change.workload.ref} {change.plan.detection.container}"
    return "".join(
        difflib.unified_diff(
            before.splitlines(keepends=True),
            after.splitlines(keepends=True),
            f"{name} (now)",
            f"{name} (recommended)",
            n=100,
        )
    )


def _told(probe: ProbePlan) -> str:
    return "".join(_comment(f"{probe.kind}: {probe.reason}")) + as_yaml({probe.kind: probe.wanted})


def _comment(text: str) -> Iterator[str]:
    yield from (f"# {line}\n" for line in textwrap.wrap(text, WIDTH - 2))
