"""New workloads whose probes the policy alone decides, whatever else they look like. Pure.

Detection looks at commands, images and environment; little of that can be said in CEL. But where
the policy names its server and its container can only be one, the plan of every such workload has
the same probes. What can't be said so is left out: the workload is known once it is there, and its
probes join its next rollout.
"""

from collections.abc import Iterator, Set
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

from inferencehealth.admission.cel import everything, text, texts
from inferencehealth.admission.compiled import TEMPLATE, Joining, Rule, Unborn
from inferencehealth.admission.facts import drains
from inferencehealth.api.policy import Policy
from inferencehealth.api.probes import Existing
from inferencehealth.api.server import ProfileName, RequiredModel
from inferencehealth.kubelet import DEFAULT_GRACE, LONG_GRACE
from inferencehealth.plan import Action, Plan, plan
from inferencehealth.profiles.detect import SIDECARS, is_sidecar
from inferencehealth.profiles.profile import Asked, Profile, no_models
from inferencehealth.profiles.registry import profile_named
from inferencehealth.workloads import Container, Workload, container, workload

TELLING_WORDS: Final = ("port", "allow", "uri", "addr", "bind", "listen", "host:", "-p", "$")
"""Parts of words by which a command may move the server to another port, or hide that it does."""
TELLING_VARIABLES: Final = ("PORT", "HOST", "ADDR", "URI", "URL", "HTTP")
"""The same in names of environment variables."""
SOLE: Final = "server"
"""Name of the container in the sample from which the probes are planned."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How a container has to look for the policy alone to decide its probes.

    `target` is its name; empty: it has to be the only one that is no sidecar. `usual` is the port
    that the server has unless something in the container says otherwise; None where the policy
    gives the port. `port_name` must be declared; none of the variables `without` may be set.
    """

    target: str
    usual: int | None
    port_name: str
    without: tuple[str, ...]


class _Names(Set[str]):
    """An empty set of names that remembers which of them somebody looked for."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def __contains__(self, name: object) -> bool:
        self.asked.add(str(name))
        return False

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def unborn(policy: Policy) -> tuple[Unborn, ...]:
    """The rules for workloads of the policy that are not there yet; none where it takes a look."""
    shape = shape_of(policy)
    if shape is None:
        return ()
    found: list[Unborn] = []
    for kind, grace in product(policy.spec.target.kinds, (DEFAULT_GRACE, LONG_GRACE + 1)):
        sample, other = (_sample(kind.value, policy, shape, grace, port) for port in (1, 2))
        rule = _rule(policy, plan(policy, sample))
        # A gRPC probe needs the number of a port that the policy names, and that takes a look.
        if rule and rule == _rule(policy, plan(policy, other)):
            demands = _conditions(shape)
            found.append(Unborn(kind.value, drains(sample), rule, demands, _found(shape)))
    return tuple(found)


def shape_of(policy: Policy) -> Shape | None:
    """The shape that decides; None where only a look at the workload can."""
    server = policy.spec.server
    if server.profile is ProfileName.AUTO:
        return None
    profile = profile_named(server.profile.value)
    without = _looked_for(policy, profile)
    if without is None:
        return None
    name = server.port if isinstance(server.port, str) and not server.port.isdecimal() else ""
    usual = None if server.port is not None else profile.port(_bare())
    if server.port is None and (usual is None or not _stays(profile, usual)):
        return None
    return Shape(policy.spec.target.container, usual, name, without)


def fits(shape: Shape, target: Workload) -> str:
    """The container of a new workload that has the shape; empty where none has."""
    main = [c for c in target.containers if not c.sidecar]
    if shape.target:
        main = [c for c in main if c.name == shape.target]
    elif sum(not is_sidecar(c) for c in main) != 1:
        return ""
    return next(
        (c.name for c in main if (shape.target or not is_sidecar(c)) and _has(shape, c)), ""
    )


def _has(shape: Shape, server: Container) -> bool:
    said = [word.lower() for word in (*server.command, *server.args)]
    names = [str(entry["name"]) for entry in server.raw.get("env") or ()]
    if any(name in shape.without for name in names):
        return False
    if shape.port_name and all(port.name != shape.port_name for port in server.ports):
        return False
    if shape.usual is None:
        return True
    declared = [port.number for port in server.ports]
    return (
        (not declared or shape.usual in declared)
        and not any(part in word for word in said for part in TELLING_WORDS)
        and not any(part in name.upper() for name in names for part in TELLING_VARIABLES)
        and not server.raw.get("envFrom")
    )


def _conditions(shape: Shape) -> tuple[str, ...]:
    if shape.target:
        return ()
    return (f"{TEMPLATE}.containers.filter(c, !({_sidecar()})).size() == 1",)


def _found(shape: Shape) -> str:
    """The shape in CEL, about the container `c`: the same as `_has`."""
    env, ports = "c.?env.orValue([])", "c.?ports.orValue([])"
    demands = [f"c.name == {text(shape.target)}" if shape.target else f"!({_sidecar()})"]
    if shape.without:
        demands.append(f"!{env}.exists(e, e.name in {texts(shape.without)})")
    if shape.port_name:
        demands.append(f"{ports}.exists(p, p.?name.orValue('') == {text(shape.port_name)})")
    if shape.usual is not None:
        usual = f"{ports}.exists(p, p.containerPort == {shape.usual})"
        upper = "e.name.upperAscii()"
        words = "(c.?command.orValue([]) + c.?args.orValue([]))"
        demands += [
            f"{ports}.size() == 0 || {usual}",
            f"!{words}.exists(w, {texts(TELLING_WORDS)}.exists(t, w.lowerAscii().contains(t)))",
            f"!{env}.exists(e, {texts(TELLING_VARIABLES)}.exists(t, {upper}.contains(t)))",
            "c.?envFrom.orValue([]).size() == 0",
        ]
    return everything(demands)


def _sidecar() -> str:
    """Whether `c` only accompanies a server, as `is_sidecar` sees it, but for native sidecars."""
    patterns = "|".join(_expression(pattern) for pattern in SIDECARS)
    image = "c.?image.orValue('').split('@')[0].split('/')"
    last = f"[{image}].all(i, i[i.size() - 1].split(':')[0].matches('^({patterns})$'))"
    return f"c.name.matches('^({patterns})$') || {last}"


def _expression(pattern: str) -> str:
    """A glob of `*` as a regular expression (RE2)."""
    return ".*".join(part.replace(".", "[.]") for part in pattern.split("*"))


def _looked_for(policy: Policy, profile: Profile) -> tuple[str, ...] | None:
    """The variables whose presence changes the handlers; None where the container's models do."""
    names = _Names()

    def handlers(models: tuple[RequiredModel, ...]) -> Any:
        return profile.handlers(
            Asked(
                port=1,
                required_models=models,
                endpoints=policy.spec.server.endpoints,
                environment=names,  # type: ignore[arg-type]
            )
        )

    required = policy.spec.server.models.required
    named = profile.listed_as_named or profile.named_models
    told = bool(required) or named is no_models
    if not told and handlers(()) != handlers((RequiredModel(name="m"),)):
        return None
    handlers(required)
    return tuple(sorted(names.asked))


def _stays(profile: Profile, usual: int) -> bool:
    """Whether the server is taken to be at its usual port whatever else is declared beside it."""
    names = ("", "http", "http1", "http-api", "api", "rest", "serve", "server", "web", "grpc")
    beside = [{"containerPort": 18_080, "name": name} for name in names if name]
    own = [{"containerPort": usual, **({"name": name} if name else {})} for name in names]
    return all(
        profile.port(_bare(ports=[*group])) == usual
        for group in (*([each] for each in own), *([each, own[0]] for each in beside))
    )


def _bare(**more: Any) -> Container:
    return container({"name": SOLE, **more})


def _sample(kind: str, policy: Policy, shape: Shape, grace: int, port: int) -> Workload:
    """A workload of the shape, without anything that it leaves open."""
    serving: dict[str, Any] = {"name": shape.target or SOLE}
    if shape.port_name:
        serving["ports"] = [{"containerPort": port, "name": shape.port_name}]
    return workload(
        {
            "apiVersion": "apps/v1",
            "kind": kind,
            "metadata": {"name": "new", "namespace": policy.metadata.namespace},
            "spec": {
                "template": {
                    "spec": {"terminationGracePeriodSeconds": grace, "containers": [serving]}
                }
            },
        }
    )


def _rule(policy: Policy, planned: Plan) -> Rule | None:
    always = policy.spec.probes.existing is Existing.REPLACE
    probes = tuple(
        Joining(probe.kind, probe.wanted, always=always)
        for probe in planned.probes
        if probe.wanted and probe.action is Action.JOIN
    )
    gate = planned.gate.action is Action.JOIN
    return Rule("containers", "", probes, gate) if probes or gate else None
