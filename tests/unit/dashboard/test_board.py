"""What a page is told: everything once, and then only what changed."""

import json
from dataclasses import replace
from datetime import datetime

from inferencehealth.dashboard.rows import workload_detail
from tests.unit.dashboard.given import NOW, Moment, a_board
from tests.unit.status.given import SINCE, a_pod, a_policy, a_report, silent

KEY = "ml/deployment/a"
BEGUN = min(NOW, datetime.fromisoformat(SINCE).timestamp())
READY = Moment((a_policy(),), (a_report(a_pod()), a_report(a_pod("b-1"), name="b")))
BROKEN = a_report(a_pod("a-1", "Broken", message="no GPU"))


def test_a_page_that_opens_is_told_everything() -> None:
    board = a_board(READY)
    with board.reader() as reader:
        assert reader.news.is_set()
        told = board.news(reader)
    assert told["whole"]
    assert [row["key"] for row in told["policies"]] == ["ml/p"]
    assert {row["key"] for row in told["workloads"]} == {KEY, "ml/deployment/b"}
    assert not reader.news.is_set()


def test_only_the_workload_that_changed_is_told_of_afterwards() -> None:
    board = a_board(READY)
    with board.reader() as reader:
        board.news(reader)
        board.refresh(replace(READY, reports=(BROKEN, READY.reports[1])), NOW + 60)
        told = board.news(reader)
    (row,) = told["workloads"]
    assert (row["key"], row["verdict"], row["revision"]) == (KEY, "Broken", 2)
    assert row["timeline"] == [[BEGUN, "Ready"], [NOW + 60, "Broken"]]
    assert told["policies"][0]["verdict"] == "Broken"
    assert not told["whole"]


def test_nothing_is_told_while_nothing_changes() -> None:
    board = a_board(READY)
    with board.reader() as reader:
        board.news(reader)
        board.refresh(READY, NOW + 1)
        assert not reader.news.is_set()


def test_a_slow_page_gets_what_is_so_by_then_and_not_what_was() -> None:
    board = a_board(READY)
    with board.reader() as reader:
        board.news(reader)
        for second in range(100):
            report = a_report(a_pod("a-1", ("Broken", "Loading")[second % 2]))
            board.refresh(replace(READY, reports=(report,)), NOW + second)
        told = board.news(reader)
    (row,) = told["workloads"]
    assert row["verdict"] == "Loading"
    assert told["gone"]["workloads"] == ["ml/deployment/b"]


def test_what_is_gone_is_gone() -> None:
    board = a_board(READY)
    with board.reader() as reader:
        board.news(reader)
        board.refresh(Moment(), NOW + 1)
        told = board.news(reader)
    assert told["gone"]["policies"] == ["ml/p"]
    assert set(told["gone"]["workloads"]) == {KEY, "ml/deployment/b"}
    assert (board.policies, board.workloads, board.known) == ({}, {}, {})


def test_a_silent_checkers_verdict_is_not_shown_as_one() -> None:
    board = a_board(READY)
    board.refresh(replace(READY, silence_of=silent(10_000)), NOW + 1)
    assert board.workloads[KEY]["verdict"] == "Unknown"
    assert board.workloads[KEY]["counts"] == {"Unknown": 1}
    assert board.workloads[KEY]["timeline"][-1] == [NOW + 1, "Unknown"]


def test_a_verdict_nobody_stands_behind_is_not_dated_back() -> None:
    board = a_board(replace(READY, silence_of=silent(10_000)))
    assert board.workloads[KEY]["timeline"] == [[NOW, "Unknown"]]


def test_notes_are_told_when_they_change() -> None:
    board = a_board(READY)
    with board.reader() as reader:
        board.news(reader)
        board.refresh(replace(READY, notes=("not up to date",)), NOW + 1)
        assert reader.news.is_set()
        assert board.news(reader)["notes"] == ["not up to date"]


def test_a_workload_that_changes_its_policy_is_kept() -> None:
    both = replace(READY, policies=(a_policy(), a_policy("q")))
    board = a_board(both)
    moved = a_report(a_pod(), policy="q")
    board.refresh(replace(both, reports=(moved, READY.reports[1])), NOW + 1)
    assert board.workloads[KEY]["policy"] == "ml/q"
    found = board.policy(KEY)
    assert found is not None
    assert found.metadata.name == "q"


def test_the_detail_has_a_cell_for_each_pod_and_model() -> None:
    models = [
        {"name": "m", "version": "2", "required": True, "ready": 1, "total": 2, "state": "Broken"},
        {"name": "n", "ready": 2, "total": 2, "state": "Ready"},
    ]
    bad = a_pod("a-1", "Broken", notReady=[{"name": "m:2", "state": "Broken"}])
    board = a_board(Moment((a_policy(),), (a_report(bad, a_pod("a-2"), models=models),)))
    detail = workload_detail(board.known[KEY])
    assert [item["name"] for item in detail["items"]] == ["m:2", "n"]
    assert [pod["cells"] for pod in detail["pods"]] == [["Broken", "Ready"], ["Ready", "Ready"]]
    json.dumps(detail)


def test_a_report_nobody_may_believe_any_more_has_no_pods() -> None:
    board = a_board(replace(READY, silence_of=silent(10_000)))
    assert workload_detail(board.known[KEY])["pods"] == []
