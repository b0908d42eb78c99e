"""A server that the policy itself describes: probes and readers made from spec.server.endpoints."""

from inferencehealth.api.endpoints import Endpoint, Endpoints
from inferencehealth.api.report import CheckSpec
from inferencehealth.api.server import RequiredModel
from inferencehealth.checks.steps import Answer, Item, Reading, Sign, Step, StepKind, told_path
from inferencehealth.kubelet import Handler
from inferencehealth.profiles.components import component_items, components_reading
from inferencehealth.profiles.described import (
    Read,
    about,
    kubelet_can_ask,
    reader,
    request_of,
)
from inferencehealth.profiles.profile import Asked, DefaultBudgets, Evidence, Handlers, Profile
from inferencehealth.profiles.reading import parse_object
from inferencehealth.workloads import Container

_MODEL_REASONS = {
    Sign.LOADING: "ModelLoading",
    Sign.BUSY: "ModelBusy",
    Sign.ASLEEP: "ModelAsleep",
    Sign.FAILS: "ModelNotReady",
}


def detect(_container: Container) -> Evidence | None:
    """Nothing looks like a server of its own description; the policy says which container it is."""
    return None


def http_port(container: Container) -> int | None:
    """The only port that the container declares, if it is one."""
    return container.ports[0].number if len(container.ports) == 1 else None


def handlers(asked: Asked) -> Handlers:
    """Probes on the described paths; a TCP connect stands in for a live path that is not given."""
    if asked.endpoints is None:
        connect = _ask(asked, None)
        return Handlers(liveness=connect, readiness=connect, process=connect, startup=connect)
    live = _ask(asked, asked.endpoints.live)
    ready = _ask(asked, asked.endpoints.ready)
    return Handlers(liveness=live, readiness=ready, process=live, startup=live)


def steps(spec: CheckSpec) -> tuple[Step, ...]:
    """The described endpoints in order: live, ready, each required model, components."""
    if spec.endpoints is None:
        return ()
    ends = spec.endpoints
    live = (_step("live", StepKind.LIVE, ends.live),) if ends.live else ()
    models = _model_steps(ends, spec.models.required)
    parts = (_components_step(spec, ends.components),) if ends.components else ()
    return (*live, _step("ready", StepKind.READY, ends.ready), *models, *parts)


def _ask(asked: Asked, endpoint: Endpoint | None) -> Handler:
    """HTTP where the kubelet takes a good answer for good; a TCP connect where it would not."""
    port = endpoint.port if endpoint and endpoint.port is not None else asked.probe_port
    if endpoint is None or not kubelet_can_ask(endpoint):
        return {"tcpSocket": {"port": port}}
    return {"httpGet": {"path": endpoint.path, "port": port}}


def _step(name: str, kind: StepKind, endpoint: Endpoint) -> Step:
    return Step(name, kind, request_of(endpoint), reader(endpoint))


def _model_steps(ends: Endpoints, required: tuple[RequiredModel, ...]) -> tuple[Step, ...]:
    if ends.model is None:
        return ()
    asked = [(model, about(ends.model, model)) for model in required]
    return tuple(
        Step(
            f"model:{model.name}:{model.version}",
            StepKind.MODEL,
            request_of(endpoint),
            _model_reader(model, reader(endpoint)),
        )
        for model, endpoint in asked
    )


def _components_step(spec: CheckSpec, endpoint: Endpoint) -> Step:
    plain = reader(endpoint)

    def read(answer: Answer) -> Reading:
        whole = plain(answer)
        told = parse_object(answer.body).get("components")
        items = component_items(told, spec.components.required)
        if items:
            by_parts = components_reading(items)
            return by_parts if by_parts.sign is not Sign.SERVES else _with(whole, items)
        if whole.sign is not Sign.SERVES:
            return whole
        message = f'{told_path(endpoint.path)} answers no JSON object with "components"'
        return Reading(Sign.FAILS, "ComponentsNotFound", message)

    return Step("components", StepKind.COMPONENTS, request_of(endpoint), read)


def _with(reading: Reading, components: tuple[Item, ...]) -> Reading:
    return Reading(reading.sign, reading.reason, reading.message, components=components)


def _model_reader(model: RequiredModel, read_plain: Read) -> Read:
    def read(answer: Answer) -> Reading:
        plain = read_plain(answer)
        if plain.sign in {Sign.SILENT, Sign.UNKNOWN}:
            return plain
        reason = _MODEL_REASONS.get(plain.sign, "")
        message = f'model "{model.name}": {plain.message}' if reason else ""
        item = Item(
            model.name, plain.sign, model.version, required=True, reason=reason, message=message
        )
        return Reading(plain.sign, reason, message, models=(item,))

    return read


CUSTOM = Profile(
    name="custom",
    title="server described by the policy",
    verified="by whoever wrote the policy",
    detect=detect,
    port=http_port,
    handlers=handlers,
    steps=steps,
    loading="As the policy describes it: status codes or a JSON Schema per endpoint.",
    sleeping="As the policy describes it.",
    dead_engine="As far as the described endpoints show it.",
    never_liveness="A path that depends on models or on other services: it belongs in "
    "endpoints.ready, not in endpoints.live.",
    budgets=DefaultBudgets(max_startup=600, stop_traffic_after=15, restart_after=60),
)
