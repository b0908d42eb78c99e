"""When Kopf is run, run again, and not run."""

import asyncio
from typing import Any

import kopf
import pytest

from inferencehealth.controller import watching
from inferencehealth.kube.errors import Forbidden, KubeError, NotFound

NOT_DEFINED = NotFound(404, "NotFound", "404 page not found")


class Lists:
    """A client whose lists fail as given, one after the other, and then succeed."""

    def __init__(self, *errors: KubeError) -> None:
        self.errors = list(errors)

    async def list(self, *_about: object, **_more: object) -> None:
        if self.errors:
            raise self.errors.pop(0)


class DiedError(Exception):
    """What Kopf dies of: its errors are told by their status."""

    def __init__(self, status: int) -> None:
        self.status = status


class Kopf:
    """Dies of the given statuses, one run after the other, and then ends in order."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.runs = 0

    async def __call__(self, *_handlers: object, **_more: object) -> None:
        self.runs += 1
        if self.statuses:
            raise DiedError(self.statuses.pop(0))


async def watched(monkeypatch: pytest.MonkeyPatch, lists: Lists, runs: Kopf) -> None:
    monkeypatch.setattr(watching, "RETRY", 0.001)
    monkeypatch.setattr(watching, "_watch", runs)
    client: Any = lists
    await watching.watch(kopf.OperatorRegistry(), client, namespace="", stop=asyncio.Event())


async def test_it_waits_for_the_definitions_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lists, runs = Lists(NOT_DEFINED, NOT_DEFINED), Kopf()
    await watched(monkeypatch, lists, runs)
    assert (lists.errors, runs.runs) == ([], 1)
    assert caplog.text.count("kubectl apply --server-side -f crds/") == 1


async def test_definitions_that_went_under_it_do_not_end_the_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lists, runs = Lists(), Kopf(404, 404)
    await watched(monkeypatch, lists, runs)
    assert runs.runs == 3


async def test_of_all_else_it_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DiedError):
        await watched(monkeypatch, Lists(Forbidden(403, "Forbidden", "no")), Kopf(403))


async def test_who_waits_for_definitions_can_be_stopped() -> None:
    stop = asyncio.Event()
    client: Any = Lists(*[NOT_DEFINED] * 2)
    waiting = asyncio.create_task(
        watching.watch(kopf.OperatorRegistry(), client, namespace="", stop=stop)
    )
    while len(client.errors) == 2:  # noqa: ASYNC110
        await asyncio.sleep(0)
    stop.set()
    await asyncio.wait_for(waiting, 5)
