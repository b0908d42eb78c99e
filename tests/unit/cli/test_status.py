"""How `ihp status` prints what it saw; what it sees is for test_fleet and the integration tests."""

import json

import pytest

from inferencehealth.cli.fleet import Seen
from inferencehealth.cli.status import Output, Wanted, _news, _picture, _show
from inferencehealth.status.tree import PolicyNode
from tests.unit.status.given import HEARD, SYSTEM, a_pod, a_policy, a_report


def wanted(output: Output = Output.TEXT) -> Wanted:
    return Wanted(
        policy="",
        namespace="",
        everywhere=False,
        everything=False,
        system=SYSTEM,
        output=output,
        exit_code=False,
    )


def seen(*notes: str) -> Seen:
    policies = (a_policy("calm"), a_policy("troubled"))
    reports = (
        a_report(a_pod(), policy="calm"),
        a_report(a_pod(verdict="Broken"), name="b", policy="troubled"),
    )
    return Seen(policies, reports, HEARD, notes)


def nodes() -> list[PolicyNode]:
    return list(seen().nodes(SYSTEM))


def test_a_screen_begins_with_what_is_in_trouble_and_ends_with_what_is_not_known() -> None:
    told = _picture(seen("not up to date: away"), SYSTEM, wanted()).plain.splitlines()
    tops = [line for line in told if line.startswith("ml/")]
    assert [line.split()[0] for line in tops] == ["ml/troubled", "ml/calm"]
    assert told[-1] == "not up to date: away"


def test_a_screen_without_policies_says_so() -> None:
    assert "no InferenceHealthPolicy" in _picture(Seen((), (), HEARD, ()), SYSTEM, wanted()).plain


def test_news_for_programs_is_an_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    _news(nodes(), wanted(Output.JSON))
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["name"] for line in lines] == ["calm", "troubled"]


def test_what_could_not_be_found_out_is_in_the_document_and_beside_the_text(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _show(nodes(), ["no Leases"], wanted(Output.JSON), "ml")
    assert json.loads(capsys.readouterr().out)["notes"] == ["no Leases"]
    _show(nodes(), ["no Leases"], wanted(), "ml")
    said = capsys.readouterr()
    assert "ihp: no Leases" in said.err
    assert said.out.startswith("ml/calm  Ready")
    assert "\x1b" not in said.out


def test_yaml_news_are_documents_of_one_stream(capsys: pytest.CaptureFixture[str]) -> None:
    _news(nodes(), wanted(Output.YAML))
    assert capsys.readouterr().out.count("---\n") == 2
