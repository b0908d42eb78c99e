"""NVIDIA Riva: recognise, probe, read, over gRPC.

Source: NVIDIA Riva user guide (protos: health.proto; deployment on Kubernetes, riva-api chart
2.7 to 2.19; riva_start.sh of the quick start 2.19). Port 50051; the server refuses connections
until all its models are loaded, which may take many minutes, and answers SERVING from then on.
The published header of its health service (1.5, grpc_health.h) asks the Triton inside whether it
is live, so a model that stopped working there is not seen. A Riva NIM is another server: `nim`.
"""

from inferencehealth.profiles.grpc import NOT_SERVING_RESTARTS, handlers, health_steps
from inferencehealth.profiles.profile import DefaultBudgets, Evidence, Profile
from inferencehealth.profiles.recognition import (
    Signature,
    flag,
    port_number,
    port_of,
    recognise,
    words,
)
from inferencehealth.workloads import Container

USUAL_PORT = 50051

SIGNATURE = Signature(
    images=("nvidia/riva/riva-speech*", "riva/riva-speech*", "riva-speech*"),
    not_tags=("*-client", "*-servicemaker"),
    programs=("start-riva", "riva_server"),
    runs_arguments=True,
)


def detect(container: Container) -> Evidence | None:
    """Whether the container runs the Riva server, not its clients or its model builder."""
    return recognise(container, SIGNATURE)


def grpc_port(container: Container) -> int | None:
    """Port of the speech API, the last part of --riva-uri."""
    said = flag(words(container), "--riva-uri", "--uri")
    if said:
        return port_number(said.rpartition(":")[2])
    return port_of(container, names=("speech-grpc", "riva-speech"), usual=USUAL_PORT)


RIVA = Profile(
    name="riva",
    title="NVIDIA Riva",
    verified="documentation of 2.19 (user guide, riva_start.sh); the image is closed",
    detect=detect,
    port=grpc_port,
    handlers=handlers,
    steps=health_steps,
    tells_versions=False,
    images=SIGNATURE.images,
    liveness_findings=(NOT_SERVING_RESTARTS,),
    loading="Connection refused until all models are loaded.",
    sleeping="Not told.",
    dead_engine="Its health asks whether the Triton inside is live: a model that stopped working "
    "stays SERVING. Triton's metrics on 8002 count failed inferences.",
    api_key="With TLS (ssl_server_cert) the kubelet's gRPC probe can't ask; the check can, with "
    "spec.server.tls.caFrom.",
    never_liveness="The health of single models of the Triton inside.",
    # The quick start waits for many minutes; building engines at first start takes up to an hour.
    budgets=DefaultBudgets(max_startup=1800, stop_traffic_after=15, restart_after=60),
)
