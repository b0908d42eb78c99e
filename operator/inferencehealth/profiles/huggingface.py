"""What Hugging Face's two routers, TGI and TEI, have in common: flags, ports, /health and /info.

Sources: those of tgi.py and tei.py.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from inferencehealth.checks.steps import Answer, Reading, Request, Sign, Step, StepKind
from inferencehealth.profiles.asking import by_status
from inferencehealth.profiles.listing import models_step, serving
from inferencehealth.profiles.profile import Evidence
from inferencehealth.profiles.reading import merge_items, parse_object, unanswered, unexpected
from inferencehealth.profiles.recognition import Signature, image, only_flags, port_of, recognise
from inferencehealth.workloads import Container

HEALTH, PING, INFO = "/health", "/ping", "/info"
IMAGE_PORT, PROGRAM_PORT = 80, 3000


def detect(signature: Signature, container: Container) -> Evidence | None:
    """Whether the container runs the router of this signature."""
    flags = signature.flags if only_flags(container) else ()
    return recognise(container, replace(signature, flags=flags))


def http_port(signature: Signature, container: Container) -> int | None:
    """Port of the API; what an image sets by itself is known only of the official one."""
    official = image(container.image).is_one_of(signature.images)
    return port_of(
        container,
        flags=("--port", "-p"),
        # Google's image takes the port that Vertex AI gives before its own.
        env=("AIP_HTTP_PORT", "PORT"),
        names=("http", "http1", "api"),
        usual=IMAGE_PORT if official else PROGRAM_PORT,
        signature=signature,
    )


def steps(unhealthy: Reading, name_fields: Sequence[str]) -> tuple[Step, ...]:
    """Health, whose 503 reads as `unhealthy`, and the model that /info tells in those fields."""
    read = by_status(HEALTH, {503: unhealthy})
    return (
        Step("health", StepKind.READY, Request(HEALTH), read),
        models_step(partial(read_info, name_fields), path=INFO),
    )


def read_info(name_fields: Sequence[str], answer: Answer) -> Reading:
    """One model, which may have several names; UNKNOWN where it can't be had."""
    if gap := unanswered(answer):
        return Reading(Sign.UNKNOWN, gap.reason, gap.message)
    told = parse_object(answer.body)
    items = [serving(told.get(field)) for field in name_fields]
    found = merge_items(item for item in items if item)
    if answer.status == 200 and found:
        return Reading(Sign.SERVES, models=found)
    odd = unexpected(INFO, answer, "200 with a model_id")
    return Reading(Sign.UNKNOWN, "ModelsUnreadable", odd.message)
