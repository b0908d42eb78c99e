"""How a container gives itself away: the building blocks of which `detect` is made in a profile.

A profile states a Signature: image names, programs, Python modules, telling flags. `recognise`
weighs what of it a container shows. Everything reads the pod template only, and prefers saying
nothing over guessing: a port number alone proves nothing, and an image whose command runs
another program is not the server.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import pairwise

from inferencehealth.profiles.commands import OPERATORS, Command, commands, expand
from inferencehealth.profiles.profile import Evidence
from inferencehealth.workloads import Container

__all__ = [
    "Image",
    "Signature",
    "argv",
    "expand",
    "flag",
    "flags_named",
    "image",
    "only_flags",
    "port_number",
    "port_of",
    "recognise",
    "server_words",
    "words",
]

BOTH, PROGRAM, IMAGE, FLAGS, FAMILIAR = 0.99, 0.95, 0.9, 0.7, 0.6
"""Confidence by what speaks for it; FAMILIAR is an image name without its usual vendor."""


COMPANIONS = (
    *("*-benchmark*", "*-client", "*-controller*", "*-dashboard", "*-epp", "*-exporter"),
    *("*-frontend-ui", "*-gateway", "*-mock", "*-operator*", "*-proxy", "*-router*", "*-sim"),
    *("*-simulator", "*-ui", "*-webui", "endpoint-picker*", "open-webui"),
    *("*aphrodite*", "*fastchat*", "*lmdeploy*", "*localai*", "*tabby*", "*xinference*"),
)
"""Image names of what stands around a server, and of servers that we do not know but that take
the same flags; only a command that runs the server outweighs them."""


OTHER_PORTS = frozenset({8001, 8002, 8500, 50051})
"""Ports of gRPC and metrics on Triton, TensorFlow Serving and by habit."""
OTHER_PORT_NAMES = ("grpc", "metric", "prom", "debug", "zmq", "dist", "nccl")


IMAGES = 2048
"""Images that are remembered taken apart: a fleet runs few, in many workloads."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image reference taken apart: "reg:5000/a/b:tag@sha256:…" has path ("a", "b")."""

    path: tuple[str, ...]
    tag: str = ""

    def ends_with(self, pattern: str) -> bool:
        """Whether the last components of the path match, component by component ("a/b*")."""
        wanted = pattern.split("/")
        tail = self.path[-len(wanted) :]
        return len(tail) == len(wanted) and all(map(fnmatchcase, tail, wanted))

    def is_one_of(self, patterns: tuple[str, ...]) -> bool:
        """Whether its path ends with any of the patterns."""
        return _is_one_of(self, patterns)

    def is_companion(self) -> bool:
        """Whether its name is that of something that stands around a server."""
        return _is_one_of(self, COMPANIONS)


@lru_cache(maxsize=32 * IMAGES)
def _is_one_of(found: Image, patterns: tuple[str, ...]) -> bool:
    return any(found.ends_with(pattern) for pattern in patterns)


@dataclass(frozen=True, slots=True)
class Signature:
    """What a server looks like in a pod template."""

    images: tuple[str, ...] = ()
    """Patterns on the last components of the image's path, with a vendor: sure."""
    familiar: tuple[str, ...] = ()
    """Patterns on a name that others use as well: count only beside one of the telling flags."""
    not_tags: tuple[str, ...] = ()
    """Patterns on tags of the same image that hold something else, such as a client SDK."""
    programs: tuple[str, ...] = ()
    """Names of the server's executable, with its subcommand where only that one serves."""
    scripts: tuple[str, ...] = ()
    """Names of scripts that come with the server and start it."""
    modules: tuple[str, ...] = ()
    """Python modules that are run as `python -m`; their submodules count as well."""
    flags: tuple[tuple[str, ...], ...] = ()
    """Sets of flags, each telling when all its flags are given."""
    familiar_flags: tuple[str, ...] = ()
    """Flags of which any one tells beside a familiar name."""
    runs_arguments: bool = False
    """Whether the image's entry point runs its arguments as a command."""


@lru_cache(maxsize=IMAGES)
def image(reference: str) -> Image:
    """An image reference taken apart; whatever the text, it never raises.

    The first component is a registry when it has a dot or a port or is localhost.
    """
    name = reference.strip().split("@", 1)[0]
    head, slash, rest = name.partition("/")
    if slash and ("." in head or ":" in head or head == "localhost"):
        name = rest
    path, _, last = name.rpartition("/")
    repository, _, tag = last.partition(":")
    return Image(path=(*(path.split("/") if path else ()), repository), tag=tag)


def words(container: Container) -> tuple[str, ...]:
    """The words of the commands that the container runs, with ";" between two commands.

    Scripts of shells are taken apart, what only prepares the server is left out, and references
    to plain environment variables are followed.
    """
    return _joined(commands(container))


def server_words(container: Container, signature: Signature) -> tuple[str, ...]:
    """The words of the command that starts the server; where none is known, of all commands.

    The first one counts where a script has several: the branches of an `if` begin with the leader.
    """
    starting = (one.words for one in commands(container) if _started(one, signature))
    return next(starting, None) or words(container)


def argv(container: Container) -> tuple[str, ...]:
    """Command and arguments as the container runtime gets them."""
    return (*container.command, *container.args)


def flag(all_words: Iterable[str], *names: str) -> str | None:
    """Value of the last of these flags that is given, as `--name value` or `--name=value`.

    Underscore and hyphen are one, as most servers' parsers take them; "" for a flag alone.
    """
    wanted = {_flag_name(name) for name in names}
    found: str | None = None
    for word, following in pairwise([*all_words, ""]):
        name, equals, value = word.partition("=")
        if name.startswith("-") and _flag_name(name) in wanted:
            alone = following.startswith("-") or following in OPERATORS
            found = value if equals else ("" if alone else following)
    return found


def flags_named(all_words: Iterable[str]) -> frozenset[str]:
    """Names of all flags given, exactly as written but for their values."""
    return frozenset(word.partition("=")[0] for word in all_words if word.startswith("--"))


def port_number(text: str | None) -> int | None:
    """A port number of that text, if it is one."""
    if not text or not text.isascii() or not text.isdecimal() or len(text) > 5:
        return None
    return int(text) if 1 <= int(text) <= 65535 else None


def port_of(
    container: Container,
    *,
    flags: tuple[str, ...] = (),
    env: tuple[str, ...] = (),
    names: tuple[str, ...] = (),
    usual: int | None = None,
    signature: Signature | None = None,
) -> int | None:
    """Port of the server: by flag, environment, the name of a declared port, its usual number.

    With its signature given, only flags of the command that starts the server count.
    """
    spoken = server_words(container, signature) if signature else words(container)
    said = flag(spoken, *flags) if flags else None
    if said:
        return port_number(said) or _only_port(container)
    by_env = next((n for name in env if (n := port_number(container.env.get(name)))), None)
    if by_env:
        return by_env
    declared = {port.number for port in container.ports}
    if usual in declared:
        return usual
    by_name = [p.number for name in names for p in container.ports if p.name == name]
    return by_name[0] if by_name else _only_port(container) or usual


def only_flags(container: Container) -> bool:
    """Whether the container names no program, only flags for the one that its image starts."""
    return not container.command and container.args[:1] != () and container.args[0][:1] == "-"


def recognise(container: Container, signature: Signature) -> Evidence | None:
    """How sure the container runs the server, and by what; None where nothing says so."""
    parts = image(container.image)
    if any(fnmatchcase(parts.tag, pattern) for pattern in signature.not_tags):
        return None
    runs = next((r for one in commands(container) if (r := _started(one, signature))), "")
    by_image = parts.is_one_of(signature.images)
    name = "/".join(parts.path[-2:])
    if by_image and runs:
        return Evidence(BOTH, f"image {name} runs {runs}")
    if runs:
        return Evidence(PROGRAM, f"command runs {runs}")
    if parts.is_companion():
        return None
    return _by_image(container, signature, parts) if by_image else _by_flags(container, signature)


def _by_image(container: Container, signature: Signature, parts: Image) -> Evidence | None:
    name, telling = "/".join(parts.path[-2:]), _telling(container, signature)
    if not _runs_something_else(container, runs_arguments=signature.runs_arguments):
        return Evidence(IMAGE, f"image {name}")
    return Evidence(IMAGE, f"image {name} with {telling}") if telling else None


def _by_flags(container: Container, signature: Signature) -> Evidence | None:
    parts, telling = image(container.image), _telling(container, signature)
    familiar = parts.is_one_of(signature.familiar)
    if familiar and not telling:
        given = {word.partition("=")[0] for word in words(container)}
        telling = next((one for one in signature.familiar_flags if one in given), "")
    if not telling or not container.image:  # without an image it is a patch of something else
        return None
    name = "/".join(parts.path[-2:])
    shown = f"arguments {telling}"
    return Evidence(IMAGE, f"image {name} with {shown}") if familiar else Evidence(FLAGS, shown)


def _telling(container: Container, signature: Signature) -> str:
    given = flags_named(words(container))
    return " ".join(next((s for s in signature.flags if set(s) <= given), ()))


def _started(command: Command, signature: Signature) -> str:
    """The program or module of the signature that the command runs, or nothing."""
    program = next((p for p in signature.programs if command.runs(p)), "")
    if program:
        return program
    names = {word.rpartition("/")[2] for word in command.words[:3]}
    if script := next((one for one in signature.scripts if one in names), ""):
        return script
    module = command.module()
    known = any(module == m or module.startswith(f"{m}.") for m in signature.modules)
    return f"python -m {module}" if module and known else ""


def _only_port(container: Container) -> int | None:
    """The one port that the container declares, unless it is known to speak something else."""
    if len(container.ports) != 1:
        return None
    port = container.ports[0]
    other = port.number in OTHER_PORTS or any(word in port.name for word in OTHER_PORT_NAMES)
    return None if other else port.number


def _flag_name(name: str) -> str:
    return name.lstrip("-").replace("_", "-")


def _joined(found: Iterable[Command]) -> tuple[str, ...]:
    joined: list[str] = []
    for command in found:
        joined += [*([";"] if joined else []), *command.words]
    return tuple(joined)


def _runs_something_else(container: Container, *, runs_arguments: bool) -> bool:
    """Whether the command names a program of its own, so that the image's server never starts.

    A script of the container's own may well end in the server, so a script says nothing.
    """
    said = argv(container) if runs_arguments else container.command
    if not said or said[0].startswith("-"):
        return False
    return not any(word.endswith(".sh") for one in commands(container) for word in one.words)
