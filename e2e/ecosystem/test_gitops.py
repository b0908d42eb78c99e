"""Argo CD and Flux, real ones, with self-heal, and our probes: who writes what, and how often."""

import functools
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from e2e.ecosystem import cases, play, writes
from e2e.ecosystem.cases import WRITES, Case, Phase
from e2e.ecosystem.conftest import Scene
from e2e.ecosystem.play import Actor, Play, Record
from e2e.ecosystem.seen import PROBES, Sight, unlike
from e2e.ecosystem.settled import BAD, CONFLICTED, unsettled

pytestmark = pytest.mark.scale

RECORDS = Path(__file__).resolve().parents[2] / "build/ecosystem-gitops.md"
MEASURED = (Phase.POLICY, Phase.CHANGE, Phase.GONE)
CASES = [
    *(("argo", case) for case in (*cases.ARGO_CD, cases.BROKEN)),
    *(("flux", case) for case in (*cases.FLUX, cases.BROKEN)),
]
EVERY = [(tool, cases.EARLY) for tool in ("argo", "flux")] + CASES
WELL = [(tool, case) for tool, case in EVERY if case is not cases.BROKEN]
PEACEFUL = [(tool, case) for tool, case in EVERY if not case.fights]
FIGHTS = [(tool, case) for tool, case in EVERY if case.fights]
ROUNDS = 3
GIVING_UP = 1
"""The write by which we take our name from what we leave to the other; it rolls nothing."""
AT_WORK = {
    "argo": frozenset[str](),
    "flux": frozenset({"Ready=Unknown Progressing", "Ready=False DependencyNotReady"}),
}
"""What a tool says during a round of its own: Flux is not Ready while it works, nor is then what
depends on it. With people that is a moment in ten minutes.
"""


@dataclass(frozen=True, slots=True)
class Story:
    """What happened: a record for each case and phase; `good` is the state to be in, by tool."""

    records: dict[tuple[str, Phase], Record]
    good: dict[str, str]

    def of(self, tool: str, case: Case, phase: Phase) -> Record:
        """The record of a case."""
        return self.records[f"{tool}-{case.name}", phase]


@pytest.fixture(scope="module")
def story(scene: Scene) -> Story:
    """Everything that is to be seen, played once; the tests below read it."""
    later = [scene.actor(name, case) for name, case in CASES]
    scene.play.begin(later)
    return Story(
        records=_phases(scene.play, [*scene.early, *later]),
        good={name: tool.good for name, tool in scene.tools.items()},
    )


def _phases(stage: Play, actors: list[Actor]) -> dict[tuple[str, Phase], Record]:
    found: dict[tuple[str, Phase], Record] = {}
    sights = stage.until(Phase.BEGIN.value, actors, functools.partial(unsettled, Phase.BEGIN))
    for phase in MEASURED:
        if phase is Phase.CHANGE:
            actors = [_remedied(actor, sights[actor.space]) for actor in actors]
        start = writes.position(stage.log)
        stage.commit(actors, phase)
        sights = stage.until(phase.value, actors, functools.partial(unsettled, phase))
        for record in stage.quiet(actors, phase, start, sights):
            found[record.space, phase] = record
        RECORDS.parent.mkdir(exist_ok=True)
        RECORDS.write_text(play.table(found.values()) + "\n")
    return found


def _remedied(actor: Actor, sight: Sight) -> Actor:
    """Do what our message says, as far as that is not in a commit that comes anyway."""
    if actor.case.fights:
        actor.tool.follow(actor.space, sight.condition(CONFLICTED)[2])
    if actor.case.takes:
        return replace(actor, case=actor.case.taking(sight.wanted))
    return actor


def ids(value: object) -> str | None:
    """What pytest calls a case."""
    return (
        value.name if isinstance(value, Case) else value.name if isinstance(value, Phase) else None
    )


@pytest.mark.parametrize("phase", MEASURED, ids=ids)
@pytest.mark.parametrize(("tool", "case"), WELL, ids=ids)
def test_once_settled_nobody_writes_and_nothing_rolls(
    story: Story, tool: str, case: Case, phase: Phase
) -> None:
    record = story.of(tool, case, phase)
    assert story.good[tool] in record.states
    assert record.states - AT_WORK[tool] == {story.good[tool]}
    assert (record.more_rollouts, record.more_generations) == (0, 0)
    assert (record.our_writes, record.tool_writes) == (0, 0)


@pytest.mark.parametrize("phase", MEASURED, ids=ids)
@pytest.mark.parametrize(("tool", "case"), PEACEFUL, ids=ids)
def test_there_is_no_rollout_but_the_planned_ones(
    story: Story, tool: str, case: Case, phase: Phase
) -> None:
    planned = case.rollouts[list(Phase).index(phase)]
    assert story.of(tool, case, phase).rollouts == planned


@pytest.mark.parametrize(("tool", "case"), PEACEFUL, ids=ids)
def test_we_write_once_in_mode_apply_and_never_in_the_others(
    story: Story, tool: str, case: Case
) -> None:
    assert story.of(tool, case, Phase.POLICY).writes_before == WRITES[case.mode]
    assert story.of(tool, case, Phase.CHANGE).writes_before == 0


@pytest.mark.parametrize("phase", [Phase.POLICY, Phase.CHANGE], ids=ids)
@pytest.mark.parametrize(("tool", "case"), PEACEFUL, ids=ids)
def test_the_workload_has_the_probes_that_it_should(
    story: Story, tool: str, case: Case, phase: Phase
) -> None:
    found = story.of(tool, case, phase).sight.probes
    authors = case.probes_in_git(phase)
    if case.mode == "Recommend":
        assert found.keys() == authors.keys()
        return
    assert found.keys() == set(PROBES)
    kept = authors if case.existing == "Keep" else {}
    assert set(unlike(found, authors)) & authors.keys() == authors.keys() - kept.keys()


@pytest.mark.parametrize(("tool", "case"), EVERY, ids=ids)
def test_what_the_author_had_comes_back_when_the_policy_is_reverted_in_git(
    story: Story, tool: str, case: Case
) -> None:
    found = story.of(tool, case, Phase.GONE).sight.probes
    if case.takes:
        assert found == story.of(tool, case, Phase.CHANGE).sight.probes
    else:
        assert unlike(found, case.probes_in_git(Phase.GONE)) == []


@pytest.mark.parametrize(("tool", "case"), FIGHTS, ids=ids)
def test_a_fight_ends_after_three_rounds_with_who_and_what_and_the_way_out(
    story: Story, tool: str, case: Case
) -> None:
    record = story.of(tool, case, Phase.POLICY)
    assert 1 <= record.writes_before <= ROUNDS + GIVING_UP
    assert record.rollouts <= 1 + 2 * ROUNDS
    message = record.sight.condition(CONFLICTED)[2]
    assert {"argo": "'argocd-controller'", "flux": "'kustomize-controller'"}[tool] in message
    assert "livenessProbe" in message
    assert {"argo": "managedFieldsManagers", "flux": "delete these lines"}[tool] in message


@pytest.mark.parametrize(("tool", "case"), FIGHTS, ids=ids)
def test_the_remedy_as_it_is_printed_ends_the_fight(story: Story, tool: str, case: Case) -> None:
    record = story.of(tool, case, Phase.CHANGE)
    assert record.sight.condition(CONFLICTED)[0] == "False"
    assert record.sight.probes.keys() == set(PROBES)
    assert set(unlike(record.sight.probes, case.probes_in_git(Phase.POLICY))) == set(PROBES)


@pytest.mark.parametrize("tool", ["argo", "flux"])
def test_a_broken_model_is_no_done_sync_until_a_commit_mends_it(story: Story, tool: str) -> None:
    broken = story.of(tool, cases.BROKEN, Phase.POLICY)
    assert story.good[tool] not in broken.states
    assert all(BAD[tool] in state or state in AT_WORK[tool] for state in broken.states)
    mended = story.of(tool, cases.BROKEN, Phase.CHANGE).states
    assert mended - AT_WORK[tool] == {story.good[tool]}


def test_argo_cd_shows_policies_and_reports_as_healthy_or_degraded(story: Story) -> None:
    shown = {
        phase: story.of("argo", cases.BROKEN, phase).healths
        for phase in (Phase.POLICY, Phase.CHANGE)
    }
    kinds = ("InferenceHealthPolicy", "InferenceHealthReport")
    assert [shown[Phase.POLICY][kind] for kind in kinds] == ["Degraded", "Degraded"]
    assert [shown[Phase.CHANGE][kind] for kind in kinds] == ["Healthy", "Healthy"]
