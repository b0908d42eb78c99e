"""How a container gives itself away: the building blocks of which `detect` is made in a profile.

A profile states a Signature: image names, programs, Python modules, telling flags. `recognise`
weighs what of it a container shows. Everything reads the pod template only, and prefers saying
nothing over guessing: a port number alone proves nothing, and an image whose command runs
another program is not the server.
"""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import pairwise

from inferencehealth.profiles.profile import Evidence
from inferencehealth.workloads import Container

SHELLS = frozenset({"sh", "bash", "ash", "dash", "zsh"})

BOTH, PROGRAM, IMAGE, FLAGS, FAMILIAR = 0.99, 0.95, 0.9, 0.7, 0.6
"""Confidence by what speaks for it; FAMILIAR is an image name without its usual vendor."""


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
    """Names of the server's executable."""
    modules: tuple[str, ...] = ()
    """Python modules that are run as `python -m`."""
    flags: tuple[tuple[str, ...], ...] = ()
    """Sets of flags, each telling when all its flags are given."""
    runs_arguments: bool = False
    """Whether the image's entry point runs its arguments as a command."""


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
    """Every word of command and arguments; a shell's script is taken apart into its words.

    `$(NAME)` and `${NAME}` stand for the container's own environment where that is plain.
    """
    return tuple(
        expand(word, container.env) for text in argv(container) for word in _script_words(text)
    )


def argv(container: Container) -> tuple[str, ...]:
    """Command and arguments as the container runtime gets them."""
    return (*container.command, *container.args)


def expand(word: str, env: Mapping[str, str]) -> str:
    """The word with references to the environment replaced; unknown ones stay as they are.

    Understands $(NAME) as Kubernetes does, and $NAME, ${NAME}, ${NAME:-default} as shells do.
    """

    def value(match: re.Match[str]) -> str:
        name = match["k8s"] or match["brace"] or match["bare"]
        return env.get(name) or match["default"] or match[0]

    return _REFERENCE.sub(value, word)


def flag(all_words: Iterable[str], *names: str) -> str | None:
    """Value of the last of these flags that is given, as `--name value` or `--name=value`.

    Underscore and hyphen are one, as most servers' parsers take them; "" for a flag alone.
    """
    wanted = {_flag_name(name) for name in names}
    found: str | None = None
    for word, following in pairwise([*all_words, ""]):
        name, equals, value = word.partition("=")
        if name.startswith("-") and _flag_name(name) in wanted:
            found = value if equals else ("" if following.startswith("-") else following)
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
) -> int | None:
    """Port of the server: by flag, environment, the name of a declared port, its usual number."""
    said = flag(words(container), *flags) if flags else None
    if said:
        return port_number(said)
    by_env = next((n for name in env if (n := port_number(container.env.get(name)))), None)
    if by_env:
        return by_env
    declared = {port.number for port in container.ports}
    if usual in declared:
        return usual
    by_name = [p.number for name in names for p in container.ports if p.name == name]
    return by_name[0] if by_name else usual


def recognise(container: Container, signature: Signature) -> Evidence | None:
    """How sure the container runs the server, and by what; None where nothing says so."""
    parts, said = image(container.image), words(container)
    if any(fnmatchcase(parts.tag, pattern) for pattern in signature.not_tags):
        return None
    program = next((word for word in said if _is_program(word, signature.programs)), "")
    module = next((m for m in _modules(said) if m.split(".")[0] in signature.modules), "")
    runs = program or (f"python -m {module}" if module else "")
    by_image = any(parts.ends_with(pattern) for pattern in signature.images)
    telling = next((s for s in signature.flags if set(s) <= flags_named(said)), ())
    name = "/".join(parts.path[-2:])
    if by_image and runs:
        return Evidence(BOTH, f"image {name} runs {runs}")
    if runs:
        return Evidence(PROGRAM, f"command runs {runs}")
    if by_image and not _runs_something_else(container, signature.runs_arguments):
        return Evidence(IMAGE, f"image {name}")
    if by_image and telling:
        return Evidence(IMAGE, f"image {name} with {' '.join(telling)}")
    if telling:
        familiar = any(parts.ends_with(pattern) for pattern in signature.familiar)
        shown = f"arguments {' '.join(telling)}"
        return Evidence(IMAGE, f"image {name} with {shown}") if familiar else Evidence(FLAGS, shown)
    return None


_REFERENCE = re.compile(
    r"\$(?:\((?P<k8s>\w+)\)|\{(?P<brace>\w+)(?::?-(?P<default>[^}]*))?\}|(?P<bare>[A-Za-z_]\w*))"
)


def _flag_name(name: str) -> str:
    return name.lstrip("-").replace("_", "-")


def _script_words(text: str) -> Iterator[str]:
    if not any(character in text for character in " \t\n;&|"):
        yield text
        return
    lines = text.replace("\\\n", " ").splitlines()
    script = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    lexer = shlex.shlex(script, posix=True, punctuation_chars=";&|()<>\n")
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        yield from list(lexer)
    except ValueError:  # an unclosed quote: the plain words are still worth reading
        yield from script.split()


def _is_program(word: str, programs: tuple[str, ...]) -> bool:
    return word in programs or any(word.endswith(f"/bin/{program}") for program in programs)


def _modules(all_words: tuple[str, ...]) -> Iterator[str]:
    for first, second in pairwise(all_words):
        if first == "-m":
            yield second


def _runs_something_else(container: Container, runs_arguments: bool) -> bool:  # noqa: FBT001
    """Whether the command names a program of its own, so that the image's server never starts.

    A script of the container's own may well end in the server, so a script says nothing.
    """
    said = argv(container) if runs_arguments else container.command
    if not said or said[0].startswith("-"):
        return False
    return not any(word.endswith(".sh") for text in said for word in _script_words(text))
