from typing import Any

import pytest

from inferencehealth.controller.handlers import Key, StatusOf, WholeNamespace
from inferencehealth.controller.news import News, on_news, project_news
from inferencehealth.controller.queue import WorkQueue
from inferencehealth.kube.store import Change


def report(**status: Any) -> dict[str, Any]:
    return {"spec": {"policy": "p"}, "status": status}


def test_what_checkers_say_is_news_and_what_we_write_is_none() -> None:
    before = project_news(report(health={"verdict": "Ready"}, probes={"state": "Pending"}))
    ours = project_news(report(health={"verdict": "Ready"}, probes={"state": "Injected"}))
    theirs = project_news(report(health={"verdict": "Broken"}, probes={"state": "Pending"}))
    assert before == ours
    assert before != theirs
    assert project_news({"spec": {"policy": "p"}}) == project_news(report())


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (News("p", 1), StatusOf("ml", "p")),
        (News("p", 0, (("triton:1", "", "90s"),)), WholeNamespace("ml")),
        (None, WholeNamespace("ml")),
    ],
)
async def test_news_about_a_report_is_work_for_its_policy(new: News | None, expected: Key) -> None:
    async def work(_: Key) -> None:
        pytest.fail("nobody runs the queue here")

    queue: WorkQueue[Key] = WorkQueue(work)
    known: set[str] = set()
    on_news(queue, known)(Change("modified", ("ml", "deployment-a"), News("p", 0), new))
    assert known == {"ml"}
    assert list(queue._due) == [expected]
