"""Servers that a new container gives away by its image alone: the part of detection that fits CEL.

An image that only one profile claims, and a command that is either none, flags alone, or the
server's own program. Detection knows far more; what is said here it says too, which the tests hold
against the manifests that people write.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Final

from inferencehealth.admission.cel import everything, text
from inferencehealth.profiles.recognition import COMPANIONS, image
from inferencehealth.profiles.registry import PROFILES, profile_named
from inferencehealth.workloads import Container

PROGRAMS: Final[Mapping[str, tuple[str, ...]]] = {
    "asr": (),
    "mlserver": ("mlserver", "start"),
    "ovms": (),
    "sglang": (),
    "tei": ("text-embeddings-router",),
    "tgi": ("text-generation-launcher",),
    "triton": ("tritonserver",),
    "vllm": ("vllm", "serve"),
}
"""By profile, the words that start its server; only flags may begin the command where it has none.

The profiles that are missing recognise their server by more than its image, or find its port by
other means than a flag.
"""
OTHER_TAGS: Final = ("sdk", "min", "client", "servicemaker", "grpc", "devel", "light", "full")
"""Parts of tags under which an image of the same name holds something else, on some server."""


def shown(profile: str, server: Container) -> bool:
    """Whether the container is one of that profile by its image and its first words."""
    found = image(server.image)
    claimed = any(found.ends_with(pattern) for pattern in profile_named(profile).images)
    if not claimed or any(found.ends_with(pattern) for pattern in _others(profile)):
        return False
    if any(part in found.tag for part in OTHER_TAGS):
        return False
    if any(fnmatchcase(found.path[-1], pattern) for pattern in COMPANIONS):
        return False
    words, program = (*server.command, *server.args), PROGRAMS[profile]
    started = bool(program) and words[: len(program)] == program
    return started or (not server.command and (not words or words[0].startswith("-")))


def shown_in_cel(profile: str) -> str:
    """The same about the container `c`."""
    words = "(c.?command.orValue([]) + c.?args.orValue([]))"
    flags = f"c.?command.orValue([]).size() == 0 && [{words}].all(w, w.size() == 0 || "
    flags += "w[0].startsWith('-'))"
    program = PROGRAMS[profile]
    starts = [f"w[{n}] == {text(word)}" for n, word in enumerate(program)]
    started = f"[{words}].all(w, w.size() >= {len(program)} && {' && '.join(starts)})"
    reference, others = "c.?image.orValue('')", "|".join(OTHER_TAGS)
    return everything(
        [
            f"{reference}.matches({text(_expression(profile_named(profile).images))})",
            f"!{reference}.matches({text(_expression(_others(profile)))})",
            f"!{reference}.matches({text(_expression(COMPANIONS))})",
            f"!{reference}.matches({text(f'[:][^/@]*({others})[^/@]*(@.*)?$')})",
            f"{started} || ({flags})" if program else flags,
        ]
    )


def _others(profile: str) -> tuple[str, ...]:
    """The patterns of all other profiles."""
    return tuple(p for each in PROFILES if each.name != profile for p in each.images)


def _expression(patterns: tuple[str, ...]) -> str:
    """The patterns on the last components of an image's path, as one RE2 on the whole reference."""
    globs = "|".join(
        "[^/:@]*".join(part.replace(".", "[.]") for part in pattern.split("*"))
        for pattern in patterns
    )
    return f"(^|/)({globs})(:[^/@]*)?(@.*)?$"
