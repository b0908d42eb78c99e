"""Waits for an object to become as expected, by a watch, and tells what it was instead."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from inferencehealth.kube.client import Client, whole
from inferencehealth.kube.informer import Informer
from inferencehealth.kube.requests import Resource
from inferencehealth.kube.store import Change

DEADLINE = 90.0
"""Seconds; generous: where others work too, a program takes half a minute to start."""

Raw = dict[str, Any]


async def until(
    client: Client,
    resource: Resource,
    namespace: str,
    name: str,
    is_so: Callable[[Raw], Any],
    *,
    deadline: float = DEADLINE,
) -> Raw:
    """The object once `is_so` holds for it; fails the test with the last state seen."""
    last: Raw | None = None
    found: asyncio.Future[Raw] = asyncio.get_running_loop().create_future()

    def look(change: Change[Raw]) -> None:
        nonlocal last
        raw = change.new
        if raw is None or raw["metadata"]["name"] != name:
            return
        last = raw
        if not found.done() and is_so(raw):
            found.set_result(raw)

    informer = Informer(client, resource, project=whole, on_change=look, namespace=namespace)
    running = asyncio.create_task(informer.run())
    try:
        return await asyncio.wait_for(found, deadline)
    except TimeoutError:
        pytest.fail(f"{resource.kind} {namespace}/{name} never became so; last seen: {last}")
    finally:
        running.cancel()


async def until_gone(client: Client, resource: Resource, namespace: str, name: str) -> None:
    """Return when no such object is there any more; fails the test at the deadline."""
    gone = asyncio.Event()
    seen = False

    def look(change: Change[Raw]) -> None:
        nonlocal seen
        new = change.new
        if new is not None and new["metadata"]["name"] == name:
            seen = True
        if new is None and change.old is not None and change.old["metadata"]["name"] == name:
            gone.set()

    informer = Informer(client, resource, project=whole, on_change=look, namespace=namespace)
    running = asyncio.create_task(informer.run())
    try:
        await asyncio.wait_for(informer.synced.wait(), DEADLINE)
        if seen:
            await asyncio.wait_for(gone.wait(), DEADLINE)
    except TimeoutError:
        pytest.fail(f"{resource.kind} {namespace}/{name} is still there")
    finally:
        running.cancel()


def condition(raw: Raw, type_: str) -> tuple[str, str]:
    """Status and reason of a condition; empty when it is not there."""
    conditions = raw.get("status", {}).get("conditions", [])
    return next(((c["status"], c["reason"]) for c in conditions if c["type"] == type_), ("", ""))


def message(raw: Raw, type_: str) -> str:
    """Message of a condition."""
    conditions = raw.get("status", {}).get("conditions", [])
    return next((str(c["message"]) for c in conditions if c["type"] == type_), "")
