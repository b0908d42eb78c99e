"""A server that the policy itself describes: probes and readers made from spec.server.endpoints."""

from collections.abc import Callable
from urllib.parse import quote

from inferencehealth.api.policy import Endpoint, Endpoints, Expect, RequiredModel
from inferencehealth.api.report import CheckSpec
from inferencehealth.checks.steps import Answer, Item, Reading, Request, Sign, Step, StepKind
from inferencehealth.kubelet import Handler
from inferencehealth.profiles.components import component_items, components_reading
from inferencehealth.profiles.expectations import matcher
from inferencehealth.profiles.profile import Asked, DefaultBudgets, Evidence, Handlers, Profile
from inferencehealth.profiles.reading import SERVES, parse_json, parse_object, unanswered
from inferencehealth.workloads import Container

_Read = Callable[[Answer], Reading]


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


def kubelet_can_read(endpoint: Endpoint) -> bool:
    """Whether an HTTP probe, which sees only whether 200 <= status < 400, reads it as we do."""
    good = endpoint.expect.status
    return endpoint.expect.json_schema is None and all(200 <= code < 400 for code in good)


def _ask(asked: Asked, endpoint: Endpoint | None) -> Handler:
    """HTTP where the kubelet takes a good answer for good; a TCP connect where it would not."""
    if endpoint is None or not any(200 <= code < 400 for code in endpoint.expect.status):
        return {"tcpSocket": {"port": asked.probe_port}}
    return {"httpGet": {"path": endpoint.path, "port": asked.probe_port}}


def _step(name: str, kind: StepKind, endpoint: Endpoint) -> Step:
    return Step(name, kind, Request(endpoint.path), _reader(endpoint, endpoint.path))


def _model_steps(ends: Endpoints, required: tuple[RequiredModel, ...]) -> tuple[Step, ...]:
    if ends.model is None:
        return ()
    steps = []
    for model in required:
        path = ends.model.path.replace("{model}", quote(model.name, safe=""))
        path = path.replace("{version}", quote(model.version, safe=""))
        read = _model_reader(model, _reader(ends.model, path))
        steps.append(
            Step(f"model:{model.name}:{model.version}", StepKind.MODEL, Request(path), read)
        )
    return tuple(steps)


def _components_step(spec: CheckSpec, endpoint: Endpoint) -> Step:
    plain = _reader(endpoint, endpoint.path)

    def read(answer: Answer) -> Reading:
        if gap := unanswered(answer):
            return gap
        told = parse_object(answer.body).get("components")
        items = component_items(told, spec.components.required)
        if not items:
            message = f'GET {endpoint.path} answers no JSON object with "components"'
            return Reading(Sign.FAILS, "ComponentsNotFound", message)
        by_parts = components_reading(items)
        return by_parts if by_parts.sign is not Sign.SERVES else _with(plain(answer), items)

    return Step("components", StepKind.COMPONENTS, Request(endpoint.path), read)


def _with(reading: Reading, components: tuple[Item, ...]) -> Reading:
    return Reading(reading.sign, reading.reason, reading.message, components=components)


def _reader(endpoint: Endpoint, path: str) -> _Read:
    """How answers of that endpoint read, as the policy describes them."""
    body = _body_reader(endpoint.expect, path)
    good, loading = endpoint.expect.status, endpoint.loading
    wanted = " or ".join(str(code) for code in good)

    def read(answer: Answer) -> Reading:
        answered = answer.status
        if answered in loading:
            return Reading(Sign.LOADING, "Loading", f"GET {path} answers {answered}: loading")
        if answered in good:
            return body(answer)
        return unanswered(answer) or Reading(
            Sign.FAILS, "UnexpectedStatus", f"GET {path} answers {answered}, expected {wanted}"
        )

    return read


def _body_reader(expect: Expect, path: str) -> _Read:
    if expect.json_schema is None:
        return lambda _answer: SERVES
    mismatch = matcher(expect.json_schema)

    def read(answer: Answer) -> Reading:
        document = parse_json(answer.body)
        if document is None:
            message = f"GET {path} answers {answer.status} without a JSON body to compare"
            return Reading(Sign.FAILS, "UnexpectedBody", message)
        missed = mismatch(document)
        if missed is None:
            return SERVES
        return Reading(Sign.FAILS, "UnexpectedBody", f"the answer to GET {path} {missed}")

    return read


def _model_reader(model: RequiredModel, read_plain: _Read) -> _Read:
    def read(answer: Answer) -> Reading:
        plain = read_plain(answer)
        if plain.sign in {Sign.SILENT, Sign.UNKNOWN}:
            return plain
        reason = "ModelLoading" if plain.sign is Sign.LOADING else "ModelNotReady"
        reason = "" if plain.sign is Sign.SERVES else reason
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
