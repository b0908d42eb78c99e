"""Rights compared with what was done: from the API server's audit log to what nobody needs.

Two things are told of each program: what its rights let it do and it never did, and what it asked
for in vain. The log is one of a run in which everything happens at least once.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from inferencehealth.installation.access import INITIAL_MODE, RIGHTS, Program, Right, Where

_COMPLETE: Final = frozenset({"ResponseStarted", "ResponseComplete"})
"""Stages at which it is known whether the request was let through (audit.k8s.io/v1)."""
_DECISION: Final = "authorization.k8s.io/decision"
_CREATED: Final = 201
_RESTRAINED: Final = "ValidatingAdmissionPolicy 'inferencehealth-"
"""How the API server names our restraint when it refuses a write."""


@dataclass(frozen=True, slots=True)
class Use:
    """A request of one of our programs, as the API server saw it. `refusal` is why it failed for
    want of a right, "" if it did not; `namespace` and `name` are empty where it names none.
    """

    program: Program
    verb: str
    group: str
    target: str
    namespace: str
    name: str
    refusal: str = ""

    def __str__(self) -> str:
        kind = ".".join(filter(None, (self.target, self.group)))
        where = f" in namespace {self.namespace}" if self.namespace else ""
        return f"{self.program}: {self.verb} {kind}{where}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a run shows; all empty: every right was used, and none was missing."""

    unused: tuple[str, ...] = ()
    """Verbs granted and never used."""
    refused: tuple[str, ...] = ()
    """Requests refused for want of a right, with their numbers."""
    beyond: tuple[str, ...] = ()
    """Requests let through although none of our rights covers them: somebody granted more."""


def compare(
    lines: Iterable[str],
    *,
    system_namespace: str,
    programs: Sequence[Program] = tuple(Program),
    initial_mode: bool = False,
    tolerated: Sequence[str] = (),
) -> Comparison:
    """The comparison of an audit log's lines with the rights of these programs.

    `initial_mode`: the component for it is installed. `tolerated` are beginnings of lines of the
    result that are known and left out. Broken lines are skipped: the last may be half written.
    """
    found = [use for use in uses(lines, system_namespace) if use.program in programs]
    used: set[tuple[Program, Right, str]] = set()
    beyond: Counter[str] = Counter()
    for use in found:
        if use.refusal:
            continue
        covering = covered(use, _rights(use.program, initial_mode), system_namespace)
        if covering is None:
            beyond[str(use)] += 1
        else:
            used.add((use.program, covering, use.verb))
    unused = [
        f"{program}: {verb} {_told(right)}"
        for program in programs
        for right in _rights(program, initial_mode)
        for verb in right.verbs
        if (program, right, verb) not in used
    ]
    refused = Counter(f"{use}: {use.refusal}" for use in found if use.refusal)
    return Comparison(
        tuple(_without(unused, tolerated)),
        tuple(_without(_counted(refused), tolerated)),
        tuple(_without(_counted(beyond), tolerated)),
    )


def uses(lines: Iterable[str], system_namespace: str) -> Iterator[Use]:
    """The requests of our programs in the log; a server-side apply that made its object is also a
    create, which is what the API server asks a right for."""
    accounts = {
        f"system:serviceaccount:{system_namespace}:{program.account}": program
        for program in Program
    }
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        program = accounts.get((event.get("user") or {}).get("username") or "")
        ref = event.get("objectRef")
        if program is None or not ref or event.get("stage") not in _COMPLETE:
            continue
        yield from _uses(program, event, ref)


def covered(use: Use, rights: Iterable[Right], system_namespace: str) -> Right | None:
    """The right that lets this happen, the narrowest first; None: none of them does."""
    fitting = [
        right
        for right in rights
        if (right.resource.group, right.target) == (use.group, use.target)
        and use.verb in right.verbs
        and (not right.names or use.name in right.names)
        and (right.where is not Where.SYSTEM or use.namespace == system_namespace)
    ]
    return min(fitting, key=lambda right: not right.names, default=None)


def _uses(program: Program, event: Mapping[str, Any], ref: Mapping[str, Any]) -> Iterator[Use]:
    status = event.get("responseStatus") or {}
    verbs = [event["verb"]]
    if event["verb"] == "patch" and status.get("code") == _CREATED:
        verbs.append("create")
    for verb in verbs:
        yield Use(
            program=program,
            verb=verb,
            group=ref.get("apiGroup") or "",
            target="/".join(filter(None, (ref.get("resource"), ref.get("subresource")))),
            namespace=ref.get("namespace") or "",
            name=ref.get("name") or "",
            refusal=_refusal(event, status),
        )


def _refusal(event: Mapping[str, Any], status: Mapping[str, Any]) -> str:
    if (event.get("annotations") or {}).get(_DECISION) == "forbid":
        return "no right"
    message = str(status.get("message") or "")
    return message[message.find(_RESTRAINED) :] if _RESTRAINED in message else ""


def _rights(program: Program, initial_mode: bool) -> tuple[Right, ...]:  # noqa: FBT001
    if program is Program.CONTROLLER and initial_mode:
        return (*RIGHTS[program], *INITIAL_MODE)
    return RIGHTS[program]


def _told(right: Right) -> str:
    kind = ".".join(filter(None, (right.target, right.resource.group)))
    return f"{kind} named {', '.join(right.names)}" if right.names else kind


def _counted(found: Counter[str]) -> list[str]:
    return [f"{what} ({count} times)" for what, count in sorted(found.items())]


def _without(found: Iterable[str], tolerated: Sequence[str]) -> list[str]:
    return [each for each in found if not each.startswith(tuple(tolerated))]
