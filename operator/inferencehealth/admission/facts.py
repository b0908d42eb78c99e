"""What a plan was made of: the parts of a container that must still be so when its plan is used.

A plan is compiled before the write that it joins is known. Image (without its tag), command,
arguments and ports have to be the same; of the environment only what the plan looked at, which is
recorded while it is made, because pipelines put a new build number there with every release.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from inferencehealth.kubelet import DEFAULT_GRACE, LONG_GRACE
from inferencehealth.profiles.litserve import API_KEY
from inferencehealth.workloads import Container, Workload

EVERYTHING: Final = "*"
"""Stands for all variables, where the plan went through the whole environment."""
BY_NAME: Final = (API_KEY,)
"""Variables whose mere presence matters, wherever their value comes from (`Asked.environment`)."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The parts of one container, as lists of texts; `watched` names the variables in `env`."""

    image: str
    command: tuple[str, ...]
    args: tuple[str, ...]
    ports: tuple[str, ...]
    watched: tuple[str, ...]
    env: tuple[str, ...]
    drains: str
    """Whether its pod takes so long to drain that a hung process gets a shorter end of its own."""

    def as_texts(self) -> dict[str, tuple[str, ...]]:
        """All of them as lists of texts by name."""
        return {
            "image": (self.image,),
            "command": self.command,
            "args": self.args,
            "ports": self.ports,
            "watched": self.watched,
            "env": self.env,
            "drains": (self.drains,),
        }


class Recorder(Mapping[str, str]):
    """An environment that remembers which of its variables somebody asked for."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return self._env[name]

    def __iter__(self) -> Iterator[str]:
        self.asked.add(EVERYTHING)
        return iter(self._env)

    def __len__(self) -> int:
        self.asked.add(EVERYTHING)
        return len(self._env)


def facts(workload: Workload, container: Container, look: Callable[[Workload], Any]) -> Facts:
    """The facts about the container; `look` makes the plan of a workload, without its findings.

    Findings look at much that makes no difference to the probes.
    """
    recorder = Recorder(container.env)
    watching = tuple(
        replace(each, env=recorder) if each is container else each for each in workload.containers
    )
    look(replace(workload, containers=watching))
    watched = tuple(sorted({*recorder.asked, *BY_NAME}))
    return Facts(
        image=repository(container.image),
        command=container.command,
        args=container.args,
        ports=tuple(_port(each) for each in container.raw.get("ports") or ()),
        watched=watched,
        drains=drains(workload),
        env=tuple(
            _variable(each)
            for each in container.raw.get("env") or ()
            if EVERYTHING in watched or each["name"] in watched
        ),
    )


def drains(workload: Workload) -> str:
    """How the workload's pods drain, as `DRAINS` says it."""
    return LONG if workload.grace > LONG_GRACE else SHORT


def repository(image: str) -> str:
    """The image without tag and digest: what stays the same from release to release."""
    name = image.split("@", 1)[0]
    head, slash, last = name.rpartition("/")
    return f"{head}{slash}{last.split(':', 1)[0]}"


def _port(raw: Mapping[str, Any]) -> str:
    return f"{raw['containerPort']}/{raw.get('name', '')}"


def _variable(raw: Mapping[str, Any]) -> str:
    value = raw.get("value")
    return f"{raw['name']}={value}" if value else str(raw["name"])


LONG, SHORT = "long", "short"
DRAINS: Final = (
    f"(object.spec.template.spec.?terminationGracePeriodSeconds.orValue({DEFAULT_GRACE}) > "
    f"{LONG_GRACE} ? '{LONG}' : '{SHORT}')"
)
"""In CEL: how the pods of the object drain (see `hung_grace`)."""
_IMAGE: Final = (
    "[c.?image.orValue('')].all(i, i == f.image[0] || i.startsWith(f.image[0] + ':') || "
    "i.startsWith(f.image[0] + '@'))"
)
_PORTS: Final = (
    "c.?ports.orValue([]).map(p, string(p.containerPort) + '/' + p.?name.orValue('')) == f.ports"
)
_ENV: Final = (
    "c.?env.orValue([]).filter(e, '*' in f.watched || e.name in f.watched)"
    ".map(e, e.?value.orValue('') == '' ? e.name : e.name + '=' + e.value) == f.env"
)
SAME: Final = " && ".join(
    (
        f"{DRAINS} == f.drains[0]",
        _IMAGE,
        "c.?command.orValue([]) == f.command",
        "c.?args.orValue([]) == f.args",
        _PORTS,
        _ENV,
    )
)
"""In CEL: whether the container `c` still is as the facts `f` (see `Facts.as_texts`) say."""
