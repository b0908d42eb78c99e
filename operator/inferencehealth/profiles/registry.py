"""All profiles in order. A new server is a file in this folder and a line in this tuple."""

from typing import Final

from inferencehealth.profiles.asr import ASR
from inferencehealth.profiles.custom import CUSTOM
from inferencehealth.profiles.kserve import KSERVE
from inferencehealth.profiles.profile import Profile
from inferencehealth.profiles.triton import TRITON

PROFILES: Final[tuple[Profile, ...]] = (TRITON, KSERVE, ASR, CUSTOM)


def profile_named(name: str) -> Profile:
    """The profile of that name. Raises KeyError, naming those there are, for any other."""
    for profile in PROFILES:
        if profile.name == name:
            return profile
    raise KeyError(f'no profile "{name}"; there are {", ".join(p.name for p in PROFILES)}')
