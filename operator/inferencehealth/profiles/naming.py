"""Names of models in a container's arguments and environment, for the profiles' `named_models`."""

import re
from collections.abc import Iterable

from inferencehealth.profiles.commands import OPERATORS

_PLAIN = re.compile(r"[!-~]{1,253}")
"""A name as the policy's API allows it."""
_REFERENCE = frozenset("${}`")
"""Characters of a reference to something that is not known here, or of a template."""


def values(words: Iterable[str], *names: str) -> tuple[str, ...]:
    """All values of these flags in order: of each that is given, every word up to the next flag.

    So it reads `--served-model-name a b` as well as `--model-id a --model-id b`.
    """
    wanted = {_flag_name(name) for name in names}
    found: list[str] = []
    taking = False
    for word in words:
        name, equals, value = word.partition("=")
        if word.startswith("-"):
            taking = _flag_name(name) in wanted and not equals
            found += [value] if _flag_name(name) in wanted and equals else []
        elif word in OPERATORS:
            taking = False
        elif taking:
            found.append(word)
    return tuple(found)


def positional(words: tuple[str, ...], *after: str) -> str:
    """The word that follows these words (`vllm serve X`), unless it is a flag; else nothing."""
    for start in range(len(words) - len(after)):
        said = (words[start].rpartition("/")[2], *words[start + 1 : start + len(after)])
        if said == after:
            word = words[start + len(after)]
            return "" if word.startswith("-") or word in OPERATORS else word
    return ""


def plain(names: Iterable[str]) -> tuple[str, ...]:
    """The names that can be asked for, each once: no references to what is not known here."""
    usable = (n for n in names if _PLAIN.fullmatch(n) and not _REFERENCE & set(n))
    return tuple(dict.fromkeys(usable))


def _flag_name(name: str) -> str:
    return name.lstrip("-").replace("_", "-")
