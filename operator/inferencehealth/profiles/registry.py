"""All profiles in order. A new server is a file in this folder and a line in this tuple."""

from typing import Final

from inferencehealth.profiles.asr import ASR
from inferencehealth.profiles.bentoml import BENTOML
from inferencehealth.profiles.custom import CUSTOM
from inferencehealth.profiles.dynamo import DYNAMO
from inferencehealth.profiles.grpc import GRPC
from inferencehealth.profiles.infinity import INFINITY
from inferencehealth.profiles.jetstream import JETSTREAM
from inferencehealth.profiles.kserve import KSERVE
from inferencehealth.profiles.license_proxy import LICENSE_PROXY
from inferencehealth.profiles.lightning_asr import LIGHTNING_ASR
from inferencehealth.profiles.litserve import LITSERVE
from inferencehealth.profiles.llamacpp import LLAMACPP
from inferencehealth.profiles.mlserver import MLSERVER
from inferencehealth.profiles.nim import NIM
from inferencehealth.profiles.ollama import OLLAMA
from inferencehealth.profiles.ovms import OVMS
from inferencehealth.profiles.profile import Profile
from inferencehealth.profiles.rayserve import RAYSERVE
from inferencehealth.profiles.riva import RIVA
from inferencehealth.profiles.seldon import SELDON
from inferencehealth.profiles.sglang import SGLANG
from inferencehealth.profiles.speaches import SPEACHES
from inferencehealth.profiles.tei import TEI
from inferencehealth.profiles.tensorrt_llm import TENSORRT_LLM
from inferencehealth.profiles.tfserving import TFSERVING
from inferencehealth.profiles.tgi import TGI
from inferencehealth.profiles.torchserve import TORCHSERVE
from inferencehealth.profiles.triton import TRITON
from inferencehealth.profiles.vllm import VLLM

PROFILES: Final[tuple[Profile, ...]] = (
    TRITON,
    KSERVE,
    ASR,
    VLLM,
    SGLANG,
    TGI,
    TEI,
    NIM,
    LLAMACPP,
    OLLAMA,
    INFINITY,
    SPEACHES,
    JETSTREAM,
    TENSORRT_LLM,
    DYNAMO,
    MLSERVER,
    OVMS,
    TORCHSERVE,
    TFSERVING,
    RAYSERVE,
    BENTOML,
    LITSERVE,
    SELDON,
    RIVA,
    GRPC,
    LIGHTNING_ASR,
    LICENSE_PROXY,
    CUSTOM,
)


def profile_named(name: str) -> Profile:
    """The profile of that name. Raises KeyError, naming those there are, for any other."""
    for profile in PROFILES:
        if profile.name == name:
            return profile
    raise KeyError(f'no profile "{name}"; there are {", ".join(p.name for p in PROFILES)}')
