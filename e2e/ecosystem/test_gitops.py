"""Argo CD and Flux, real ones, with self-heal, and our probes: who writes what, and how often."""

import functools
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from e2e.ecosystem import argocd, cases, flux, ours, play, repository, writes
from e2e.ecosystem.cases import WRITES, Case, Phase
from e2e.ecosystem.conftest import Ground
from e2e.ecosystem.manifests import NEXT_IMAGE
from e2e.ecosystem.messages import told
from e2e.ecosystem.parts import folder_of
from e2e.ecosystem.play import Actor, Play, Record, image_of, unlike
from e2e.ecosystem.seen import PROBES, Sight
from e2e.ecosystem.tools import ArgoCd, Flux, Tool

pytestmark = pytest.mark.scale

RECORDS = Path(__file__).resolve().parents[2] / "build/ecosystem-gitops.md"
MEASURED = (Phase.POLICY, Phase.CHANGE, Phase.GONE)
CASES = [("argo", case) for case in cases.ARGO_CD] + [("flux", case) for case in cases.FLUX]
EVERY = [(tool, cases.EARLY) for tool in ("argo", "flux")] + CASES
PEACEFUL = [(tool, case) for tool, case in EVERY if not case.fights]
FIGHTS = [(tool, case) for tool, case in EVERY if case.fights]
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Story:
    """What happened: a record for each case and phase, and what was said before our CRDs came."""

    records: dict[tuple[str, Phase], Record]
    good: dict[str, str]
    said_early: dict[str, str]

    def of(self, tool: str, case: Case, phase: Phase) -> Record:
        """The record of a case."""
        return self.records[f"{tool}-{case.name}", phase]


@pytest.fixture(scope="module")
def tools(ground: Ground) -> Iterator[dict[str, Tool]]:
    """Both tools, on a cluster that knows nothing of us."""
    argocd.install(ground.cluster)
    flux.install(ground.cluster)
    with ExitStack() as stack:
        stack.enter_context(argocd.running_argocd(ground.cluster))
        artifacts = stack.enter_context(flux.running_flux(ground.cluster))
        yield {"argo": ArgoCd(ground.cluster), "flux": Flux(ground.cluster, artifacts)}


@pytest.fixture(scope="module")
def story(ground: Ground, tools: dict[str, Tool]) -> Iterator[Story]:
    """Everything that is to be seen, played once; the tests below read it."""
    stage = ground.play
    early = [_actor(ground, tool, cases.EARLY) for tool in tools.values()]
    stage.begin(early)
    said = stage.until("a policy of which nobody knows the kind", early, _not_refused)
    ours.install(ground.cluster)
    with ours.running_operator(ground.cluster, hurried=ground.hurried):
        later = [_actor(ground, tools[name], case) for name, case in CASES]
        stage.begin(later)
        yield Story(
            records=_phases(stage, [*early, *later]),
            good={name: tool.good for name, tool in tools.items()},
            said_early={a.tool.name: told(said[a.space].told) for a in early},
        )


def _actor(ground: Ground, tool: Tool, case: Case) -> Actor:
    folder = folder_of(ground.cluster, "git") / f"{tool.name}-{case.name}"
    return Actor(tool, case, repository.create(folder))


def _phases(stage: Play, actors: list[Actor]) -> dict[tuple[str, Phase], Record]:
    found: dict[tuple[str, Phase], Record] = {}
    sights = stage.until(Phase.BEGIN.value, actors, functools.partial(_unsettled, Phase.BEGIN))
    for phase in MEASURED:
        start = writes.position(stage.log)
        for actor in actors if phase is Phase.CHANGE else ():
            if actor.case.fights:
                actor.tool.follow(actor.space, sights[actor.space].condition(CONFLICTED)[2])
        stage.commit(actors, phase)
        sights = stage.until(phase.value, actors, functools.partial(_unsettled, phase))
        for record in stage.quiet(actors, phase, start, sights):
            found[record.space, phase] = record
        RECORDS.parent.mkdir(exist_ok=True)
        RECORDS.write_text(play.table(found.values()) + "\n")
    return found


CONFLICTED = "ProbesConflicted"


def _not_refused(_actor: Actor, sight: Sight) -> str:
    """What is missing until the tool says that it can't apply the policy."""
    words = told(sight.told)
    return "" if "InferenceHealthPolicy" in words else f"says {words!r}"


def _unsettled(phase: Phase, actor: Actor, sight: Sight) -> str:
    """What is missing until the phase has come to its end."""
    if (state := actor.tool.state(sight.told)) != actor.tool.good:
        return f"{state}: {told(sight.told)[:300]}"
    if not sight.is_rolled_out:
        return "rolls"
    if phase is Phase.CHANGE and image_of(sight) != NEXT_IMAGE:
        return f"has {image_of(sight)}"
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
    injected, _, message = sight.condition("ProbesInjected")
    return "" if case.mode == "Recommend" or injected == "True" else message


def ids(value: object) -> str | None:
    """What pytest calls a case."""
    return (
        value.name if isinstance(value, Case) else value.name if isinstance(value, Phase) else None
    )


@pytest.mark.parametrize("phase", MEASURED, ids=ids)
@pytest.mark.parametrize(("tool", "case"), EVERY, ids=ids)
def test_once_settled_nobody_writes_and_nothing_rolls(
    story: Story, tool: str, case: Case, phase: Phase
) -> None:
    record = story.of(tool, case, phase)
    assert record.states == {story.good[tool]}
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
    assert unlike(found, case.probes_in_git(Phase.GONE)) == []


@pytest.mark.parametrize(("tool", "case"), FIGHTS, ids=ids)
def test_a_fight_ends_after_three_rounds_with_who_and_what_and_the_way_out(
    story: Story, tool: str, case: Case
) -> None:
    record = story.of(tool, case, Phase.POLICY)
    assert 1 <= record.writes_before <= ROUNDS
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
def test_a_policy_in_git_before_our_definitions_is_named_and_comes_in_by_itself_later(
    story: Story, tool: str
) -> None:
    assert "InferenceHealthPolicy" in story.said_early[tool]
    assert story.of(tool, cases.EARLY, Phase.POLICY).states == {story.good[tool]}
