"""docs/verdicts.md explains every reason that the code can give, and no other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from inferencehealth.checker.disagreement import Contradiction
from inferencehealth.checks.verdicts import SEVERITY, Verdict

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "operator" / "inferencehealth"
DOC = (ROOT / "docs" / "verdicts.md").read_text()
SOURCES = [
    path
    for folder in ("checks", "checker", "profiles", "controller")
    for path in sorted((PACKAGE / folder).glob("*.py"))
]
VOCABULARIES = {"Sign", "Verdict"}
ELSEWHERE = {"gates.py", "gating.py", "gated.py", "announce.py"}
"""What these call a reason is a gate's or an Event's, and explained with those."""


def documented() -> set[str]:
    reasons = DOC[DOC.index("## Reasons") :]
    return set(re.findall(r"^\| ([A-Z]\w+) \|", reasons, re.MULTILINE))


def words(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Names of constants that are strings, and the strings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name, value = node.target.id, node.value
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name, value = node.targets[0].id, node.value
        else:
            continue
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield name, value.value


def given_with_signs(tree: ast.AST, named: dict[str, str]) -> Iterator[str]:
    """What stands right after a sign or verdict, in a call or a tuple; and every reason=…"""
    for node in ast.walk(tree):
        row = getattr(node, "args", None) if isinstance(node, ast.Call) else None
        row = node.elts if isinstance(node, ast.Tuple) else row
        for one, after in zip(row or (), (row or ())[1:], strict=False):
            if _is_sign(one) and (told := _text(after, named)):
                yield told
        given = isinstance(node, ast.keyword) and node.arg == "reason"
        if given and (told := _text(node.value, named)):
            yield told


def _is_sign(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in VOCABULARIES
    )


def _text(node: ast.AST, named: dict[str, str]) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return named.get(node.id, "") if isinstance(node, ast.Name) else ""


def in_the_code() -> set[str]:
    trees = {path: ast.parse(path.read_text()) for path in SOURCES}
    named = {name: text for tree in trees.values() for name, text in words(tree)}
    return {
        told
        for path, tree in trees.items()
        if path.name not in ELSEWHERE
        for told in given_with_signs(tree, named | dict(words(tree)))
    }


def test_every_reason_is_explained() -> None:
    found = in_the_code()
    assert len(found) > 80, "the search finds no reasons any more"
    assert found - documented() == set()


def test_no_reason_is_explained_that_nobody_gives() -> None:
    quoted = set(re.findall(r'"(\w+)"', "".join(path.read_text() for path in SOURCES)))
    assert documented() - quoted == set()


def test_no_reason_is_explained_twice() -> None:
    rows = re.findall(r"^\| ([A-Z]\w+) \|", DOC[DOC.index("## Reasons") :], re.MULTILINE)
    assert sorted(rows) == sorted(set(rows))


def test_every_verdict_is_explained_from_best_to_worst() -> None:
    told = re.findall(r"^\| (\w+) \|", DOC[: DOC.index("## How a verdict changes")], re.MULTILINE)
    assert told[1:] == [verdict.value for verdict in SEVERITY]
    assert set(told[1:]) == {verdict.value for verdict in Verdict}


def test_every_difference_with_the_kubelet_is_explained() -> None:
    for kind in Contradiction:
        assert f"| {kind.value} |" in DOC
