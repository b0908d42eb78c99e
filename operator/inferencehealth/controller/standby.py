"""Pages of policies on a copy that stands by: what the leader and the checkers wrote in, board out.

So every copy answers load balancers alike, and the next leader begins with what it knows. Nothing
is decided here, and nothing written: the conditions are those that stand in the policy's status.
"""

import asyncio

from pydantic import ValidationError

from inferencehealth.api.status import PolicyStatus
from inferencehealth.controller.board import Board
from inferencehealth.controller.handlers import Key, StatusOf, WholeNamespace
from inferencehealth.controller.news import on_news, project_news
from inferencehealth.controller.queue import WorkQueue
from inferencehealth.controller.reading import read_reports
from inferencehealth.controller.served import find_policies
from inferencehealth.controller.views import SilenceOf, view
from inferencehealth.kube.client import Client, whole
from inferencehealth.kube.informer import Informer
from inferencehealth.kube.requests import POLICIES, REPORTS, JsonObject
from inferencehealth.kube.store import Change


async def follow(client: Client, board: Board, silence_of: SilenceOf, *, namespace: str) -> None:
    """Keep the board as the cluster has it until cancelled; an empty `namespace` means all."""

    async def look(key: Key) -> None:
        found = {
            name: status
            for (where, name), status in policies.store.items()
            if where == key.namespace
        }
        board.keep(key.namespace, found)
        listed = await client.list(REPORTS, project=whole, namespace=key.namespace)
        reports = [report for report in read_reports(listed.items).values() if report]
        for name in found if isinstance(key, WholeNamespace) else found.keys() & {key.policy}:
            views = [view(each, silence_of) for each in reports if each.spec.policy == name]
            board.post((key.namespace, name), found[name], views)

    queue: WorkQueue[Key] = WorkQueue(look)

    def changed(change: Change[PolicyStatus]) -> None:
        queue.add(StatusOf(*change.key))

    def look_at(found: str) -> None:
        queue.add(WholeNamespace(found))

    policies = Informer(client, POLICIES, project=_status, on_change=changed, namespace=namespace)
    reports = Informer(
        client, REPORTS, project=project_news, on_change=on_news(queue, set()), namespace=namespace
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(policies.run())
        await policies.synced.wait()
        group.create_task(reports.run())
        group.create_task(queue.run())
        await find_policies(client, board, look_at, namespace=namespace)


def _status(raw: JsonObject) -> PolicyStatus:
    """The status; one that another version wrote, and this one cannot read, counts as none."""
    try:
        return PolicyStatus.model_validate(raw.get("status") or {})
    except ValidationError:
        return PolicyStatus()
