"""Every finding that any part of the operator makes is explained, and nothing else is."""

import ast
from pathlib import Path

import inferencehealth
from inferencehealth.checker import outgoing, turns
from inferencehealth.checker.disagreement import Contradiction
from inferencehealth.findings import ownership, shape
from inferencehealth.findings.catalogue import RULES, anchor
from inferencehealth.findings.documentation import page
from inferencehealth.findings.rule import found_elsewhere
from inferencehealth.problems import REASONS
from inferencehealth.profiles.auto_canary import LEFT_OUT

PACKAGE = Path(inferencehealth.__file__).parent
DOCS = Path(__file__).parents[3] / "docs" / "findings.md"
MAKERS = {"Finding", "StaticFinding"}
BY_NAME = {
    *(shape.ID, ownership.ID, ownership.LEADERS, turns.NOT_SENT),
    *LEFT_OUT,
    *(outgoing.SECRET_UNREADABLE, outgoing.BODY_UNREADABLE),
    *(each.value for each in Contradiction),
}
"""Ids that stand under a name where they are made."""


COMMANDS = {"cli", "diagnosis", "export"}
"""Their problems are answers to whoever typed the command; they reach no report."""


def calls() -> list[ast.Call]:
    return [
        node
        for file in PACKAGE.rglob("*.py")
        if file.relative_to(PACKAGE).parts[0] not in COMMANDS
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]


def made_elsewhere() -> set[str]:
    """Ids of findings, and reasons of problems, that stand as texts where they are made."""
    found = set()
    for call in calls():
        assert isinstance(call.func, ast.Name)
        named = {word.arg: word.value for word in call.keywords}
        given = None
        if call.func.id in MAKERS:
            given = named.get("id")
        elif call.func.id == "Problem":
            given = call.args[0] if call.args else named.get("reason")
        if isinstance(given, ast.Constant):
            found.add(str(given.value))
    return found


def test_the_ids_are_unique() -> None:
    ids = [rule.id for rule in RULES]
    assert len(ids) == len(set(ids))


def test_every_finding_is_explained_and_every_explanation_has_its_finding() -> None:
    by_rule = {rule.id for rule in RULES if rule.find is not found_elsewhere}
    explained = {rule.id for rule in RULES}
    made = by_rule | made_elsewhere() | BY_NAME
    assert made - explained == set()
    assert explained - made == set()


def test_every_reason_of_a_problem_is_known_as_one() -> None:
    reasons = {
        str(call.args[0].value)
        for call in calls()
        if isinstance(call.func, ast.Name)
        and call.func.id == "Problem"
        and call.args
        and isinstance(call.args[0], ast.Constant)
    }
    assert reasons == REASONS


def test_the_page_is_what_the_rules_say() -> None:
    assert DOCS.read_text() == page(), "run make generate"


def test_every_anchor_leads_to_a_heading() -> None:
    text = page()
    for rule in RULES:
        file, _, fragment = anchor(rule.id).partition("#")
        assert file == f"docs/{DOCS.name}"
        assert f"### {rule.id}\n" in text
        assert fragment == rule.id.lower()
