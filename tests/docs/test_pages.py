"""The pages are complete and true as far as that can be told without a cluster."""

import ast
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from yaml import YAMLError

from inferencehealth.api import documentation
from inferencehealth.api.policy import Policy
from inferencehealth.api.report import ProbeState
from inferencehealth.controller import aggregate, conditions
from inferencehealth.problems import REASONS
from tests.docs.pages import DOCS, ROOT, as_policy, blocks, commands, documents, pages

CONDITIONS = (DOCS / "conditions.md").read_text()
LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")


def sections() -> dict[str, str]:
    parts = re.split(r"^## (\w+)$", CONDITIONS, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def explained(section: str) -> set[str]:
    rows = re.findall(r"^\| (?:True|False|Unknown) \| (\w+) \|", sections()[section], re.MULTILINE)
    return set(rows)


def given() -> dict[str, set[str]]:
    """Reasons that stand as texts after a condition's type, in the code that makes conditions."""
    found: dict[str, set[str]] = {}
    tree = ast.parse(Path(conditions.__file__).read_text())
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or getattr(call.func, "id", "") != "_condition":
            continue
        kind, _, reason = call.args[:3]
        assert isinstance(kind, ast.Constant)
        of_type = found.setdefault(str(kind.value), set())
        if isinstance(reason, ast.Constant):
            of_type.add(str(reason.value))
    return found


def test_every_condition_is_explained() -> None:
    assert set(given()) == set(sections()) - {"Events"}


@pytest.mark.parametrize("kind", sorted(given()))
def test_every_reason_of_a_condition_is_explained(kind: str) -> None:
    assert given()[kind] - explained(kind) == set()


def test_reasons_that_come_from_elsewhere_are_explained() -> None:
    assert explained("Stalled") >= REASONS | {conditions.HALTED, "InvalidSpec"}
    assert "InvalidSpec" in explained("Ready")
    assert "InvalidSpec" in Path(aggregate.__file__).read_text()
    waiting = set(ProbeState) - conditions._SETTLED - {ProbeState.OFF, ProbeState.HALTED}
    assert explained("ProbesInjected") >= {state.value for state in waiting}
    assert explained("ProbesConflicted") >= {state.value for state in conditions._TROUBLED}


def test_no_reason_of_a_condition_is_explained_that_nobody_gives() -> None:
    states = {state.value for state in ProbeState}
    known = set().union(*given().values(), REASONS, states, {conditions.HALTED, "InvalidSpec"})
    known |= {"Off", "RecommendOnly"}
    for kind in given():
        assert explained(kind) - known == set()


def test_every_event_is_explained() -> None:
    package = ROOT / "operator" / "inferencehealth"
    told = set(re.findall(r"^\| ([\w, ]+) \| [a-z, ]+ \|", sections()["Events"], re.MULTILINE))
    explained_events = {word for row in told for word in row.split(", ")}
    sources = "".join(
        path.read_text()
        for part in ("controller", "checker")
        for path in (package / part).glob("*.py")
    )
    made = set(
        re.findall(
            r"_(?:say|say_of|tell)\([^\"()]*\"(?:Normal\", \"|Warning\", \")?(\w+)\"", sources
        )
    )
    made |= set(re.findall(r"= \"(?:Warning|Normal)\", \"(\w+)\"", sources))
    assert len(made) >= 8, "the search finds no Events any more"
    assert made - explained_events == set()


def test_the_list_of_fields_is_what_the_schemas_say() -> None:
    assert (DOCS / "fields.md").read_text() == documentation.page(), "run make generate"


def test_every_field_of_the_policy_has_a_description() -> None:
    rows = re.findall(r"^\| (`[^`]+`) \|.*\| (.*) \|$", documentation.page(), re.MULTILINE)
    assert len(rows) > 100
    assert [path for path, meaning in rows if not meaning.strip()] == []


def test_the_index_names_every_page() -> None:
    named = {unquote(link) for link in LINK.findall((DOCS / "index.md").read_text())}
    runbooks = {path for path in pages() if path.parent.name == "runbooks"}
    expected = {p.relative_to(DOCS).as_posix() for p in pages()[1:] if p not in runbooks}
    assert expected - named - {"index.md"} == set()


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.name)
def test_every_link_leads_to_a_file(path: Path) -> None:
    outside = "://", "mailto:", "#"
    links = [link for link in LINK.findall(path.read_text()) if not any(o in link for o in outside)]
    assert [link for link in links if not (path.parent / unquote(link)).exists()] == []


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.name)
def test_every_block_of_yaml_can_be_read_and_policies_are_valid(path: Path) -> None:
    for block in blocks(path):
        if block.language not in {"yaml", "yml"}:
            continue
        try:
            found = documents(block)
        except YAMLError as error:
            pytest.fail(f"{block.place}: {error}")
        for policy in filter(None, map(as_policy, found)):
            Policy.model_validate(policy)


def test_there_are_commands_to_run() -> None:
    assert len(commands()) > 20
