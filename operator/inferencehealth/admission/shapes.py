"""New workloads whose probes the policy alone decides, whatever else they look like. Pure.

Detection looks at commands, images and environment; little of that can be said in CEL. But where
the policy names its server, or a plain image does, and its container can only be one, the plan of
every such workload has the same probes. What can't be said so is left out: the workload is known
once it is there, and its probes join its next rollout.
"""

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from inferencehealth.admission.cel import everything, text, texts
from inferencehealth.admission.compiled import Branch, Unborn
from inferencehealth.admission.facts import DRAINS, drains
from inferencehealth.admission.images import PROGRAMS, shown, shown_in_cel
from inferencehealth.admission.mutations import TEMPLATE, Joining, Rule
from inferencehealth.api.policy import Policy
from inferencehealth.api.probes import Existing
from inferencehealth.api.server import ProfileName, RequiredModel
from inferencehealth.groups import LEADER_WORKER_SET
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
PORT_FLAG: Final = "--port"
"""What most servers call it; followed by the usual port it says nothing new."""
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


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that a new workload may be: its shape, how its pods drain, and what joins then."""

    profile: str
    shape: Shape
    drains: str
    rule: Rule
    by_image: bool
    """Whether the image has to show that it is the profile's."""


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
    found: dict[str, Branch] = {}
    for option in options(policy):
        # The image first: of all that may be, it leaves one, and the rest is evaluated for that.
        demands = [shown_in_cel(option.profile)] if option.by_image else []
        demands += [f"{DRAINS} == {text(option.drains)}", _found(option.shape)]
        # Profiles whose probes are the same share a branch.
        old, one = found.get(repr(option.rule)), everything(demands)
        either = f"({old.found}) || ({one})" if old else one
        found[repr(option.rule)] = Branch(option.rule, either)
    conditions = _conditions(policy.spec.target.container)
    branches = tuple(found.values())
    # The leaders of a set are pods, which do not show whose policy selects their set.
    kinds = [k.value for k in policy.spec.target.kinds if k != LEADER_WORKER_SET]
    return tuple(Unborn(kind, conditions, branches) for kind in kinds if branches)


def options(policy: Policy) -> tuple[Option, ...]:
    """All that a new workload may be without a look; a container has the shape of one at most."""
    if policy.spec.server.profile is ProfileName.AUTO:
        named = ((_named(policy, profile), profile) for profile in PROGRAMS)
        return tuple(o for each, profile in named for o in _options(each, profile, by_image=True))
    return tuple(_options(policy, policy.spec.server.profile.value, by_image=False))


def _named(policy: Policy, profile: str) -> Policy:
    server = policy.spec.server.model_copy(update={"profile": ProfileName(profile)})
    spec = policy.spec.model_copy(update={"server": server})
    return policy.model_copy(update={"spec": spec})


def _options(policy: Policy, profile: str, *, by_image: bool) -> Iterator[Option]:
    shape = shape_of(policy)
    if shape is None:
        return
    for grace in (DEFAULT_GRACE, LONG_GRACE + 1):
        sample, other = (_sample(policy, shape, grace, port) for port in (1, 2))
        rule = _rule(policy, plan(policy, sample))
        # A gRPC probe needs the number of a port that the policy names, and that takes a look.
        if rule and rule == _rule(policy, plan(policy, other)):
            yield Option(profile, shape, drains(sample), rule, by_image)


def shape_of(policy: Policy) -> Shape | None:
    """The shape that decides, where the policy names its server; None where only a look can."""
    server = policy.spec.server
    profile = profile_named(server.profile.value)
    without = _looked_for(policy, profile)
    if without is None:
        return None
    name = server.port if isinstance(server.port, str) and not server.port.isdecimal() else ""
    usual = None if server.port is not None else profile.port(_bare())
    if server.port is None and (usual is None or not _stays(profile, usual)):
        return None
    return Shape(policy.spec.target.container, usual, name, without)


def chosen(found: Iterable[Option], target: Workload) -> tuple[str, Rule] | None:
    """Container and rule of a new workload, of these options; None where it takes a look.

    The same as `unborn` says in CEL.
    """
    for option in found:
        name = fits(option.shape, target)
        server = next((c for c in target.containers if c.name == name), None)
        if server is None or drains(target) != option.drains:
            continue
        if not option.by_image or shown(option.profile, server):
            return name, option.rule
    return None


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
    said = [f" {word.lower()}" for word in _but_usual(shape.usual, server)]
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


def _but_usual(usual: int | None, server: Container) -> Iterator[str]:
    """The words of the command without those that only say the usual port (`--port 8000`)."""
    words = (*server.command, *server.args)
    for word, following in pairwise((*words, "")):
        if word != f"{PORT_FLAG}={usual}" and (word != PORT_FLAG or following != str(usual)):
            yield word


def _conditions(target: str) -> tuple[str, ...]:
    if target:
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
        harmless = texts((PORT_FLAG, f"{PORT_FLAG}={shape.usual}"))
        upper, contains = "e.name.upperAscii()", "(' ' + w.lowerAscii()).contains(t)"
        telling = texts(TELLING_WORDS)
        words = "(c.?command.orValue([]) + c.?args.orValue([]))"
        following = f"i + 1 < {words}.size() && {words}[i + 1] == '{shape.usual}'"
        demands += [
            f"{ports}.size() == 0 || {usual}",
            f"{words}.transformList(i, w, w == {text(PORT_FLAG)}, {following}).all(u, u)",
            f"!{words}.filter(w, !(w in {harmless})).exists(w, {telling}.exists(t, {contains}))",
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


def _sample(policy: Policy, shape: Shape, grace: int, port: int) -> Workload:
    """A workload of the shape, without anything that it leaves open."""
    serving: dict[str, Any] = {"name": shape.target or SOLE}
    if shape.port_name:
        serving["ports"] = [{"containerPort": port, "name": shape.port_name}]
    return workload(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
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
