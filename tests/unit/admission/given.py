"""Policies in mode Initial and workloads, as the tests of admission need them."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from inferencehealth.api.policy import Policy
from inferencehealth.manifests import workloads_in
from inferencehealth.plan import Plan
from inferencehealth.workloads import Workload
from tests.unit.plan.given import a_policy

UNIT = Path(__file__).parents[1]
FOLDERS = (UNIT / "profiles" / "manifests", Path(__file__).parents[4] / "shared" / "corpus")


def initial(*, server: dict[str, Any] | None = None, container: str = "", **probes: Any) -> Policy:
    """A policy in mode Initial."""
    return a_policy(
        target={"selector": {"matchLabels": {"tier": "inference"}}, "container": container},
        server=server or {},
        probes={"mode": "Initial", **probes},
    )


@cache
def corpus() -> tuple[Workload, ...]:
    """Workloads as people write them: our own samples, and the corpus where it is there."""
    return tuple(_read())


def _read() -> Iterator[Workload]:
    for folder in FOLDERS:
        for file in sorted(folder.rglob("*.yaml")):
            yield from workloads_in(file.read_text())[0]


def probes_of(planned: Plan) -> dict[str, Any]:
    """The probes that a plan wants, by their field."""
    return {probe.kind: probe.wanted for probe in planned.probes if probe.wanted}
