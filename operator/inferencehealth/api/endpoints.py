"""A server that no profile knows, described by its endpoints and what their answers mean."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field

from inferencehealth.api.base import Model
from inferencehealth.api.fields import Path, Port
from inferencehealth.api.rules import Rule, rules


class Shown(Model):
    """How an answer shows one state of the server: by its status and, if given, its body."""

    status: tuple[Annotated[int, Field(ge=100, le=599)], ...] = Field(
        min_length=1,
        max_length=32,
        description="HTTP status codes of such an answer; one of them.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    json_schema: dict[str, Any] | None = Field(
        default=None,
        description="JSON Schema (draft 2020-12) that the JSON body must satisfy as well, for "
        'example {"properties": {"status": {"const": "ok"}}, "required": ["status"]}.',
        json_schema_extra={"x-kubernetes-preserve-unknown-fields": True},
    )


class Expect(Shown):
    """What a good answer is like."""

    status: tuple[Annotated[int, Field(ge=100, le=599)], ...] = Field(
        default=(200,),
        min_length=1,
        max_length=32,
        description="HTTP status codes that count as good.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )


class Method(StrEnum):
    """How an endpoint is asked."""

    GET = "GET"
    POST = "POST"


STATES: Final = ("loading", "busy", "asleep", "failing", "silent")
"""Fields of an endpoint that describe a state which is not good, in the order of comparison."""

_SAME_STATUS: Final = " || ".join(
    f"(has(self.{state}) && self.{state}.status.exists(s, s in self.expect.status))"
    for state in STATES
)

_ENDPOINT_RULES: Final = (
    Rule(
        "!has(self.body) || (has(self.method) && self.method == 'POST')",
        "a body needs method POST",
        "body",
    ),
    Rule(
        "!has(self.port) || type(self.port) != int || (self.port >= 1 && self.port <= 65535)",
        "a port number lies between 1 and 65535",
        "port",
    ),
    Rule(
        f"has(self.expect.jsonSchema) || !({_SAME_STATUS})",
        "a status that expect takes for good can't show another state as well; "
        "tell them apart by a jsonSchema in expect",
        "expect",
    ),
)


class Endpoint(Model):
    """One endpoint of a server described in the policy, and what its answers mean.

    An answer is compared with `expect` first, then with the states in the order of STATES; what
    none of them describes fails.
    """

    model_config = ConfigDict(json_schema_extra=rules(*_ENDPOINT_RULES))

    path: Path = Field(description='Path and query, starting with "/". No scheme, no host.')
    port: Port | None = Field(
        default=None,
        description="Port of this endpoint where it is not spec.server.port: number or name of a "
        "container port.",
    )
    method: Method = Field(default=Method.GET, description="How it is asked.")
    body: dict[str, Any] | None = Field(
        default=None,
        description="JSON object to send, with method POST.",
        json_schema_extra={"x-kubernetes-preserve-unknown-fields": True},
    )
    expect: Expect = Field(default=Expect(), description="What a good answer is like.")
    loading: Shown | None = Field(
        default=None, description="Answers of a server that is still loading."
    )
    busy: Shown | None = Field(
        default=None, description="Answers of a server that is alive and too loaded to serve."
    )
    asleep: Shown | None = Field(
        default=None, description="Answers of a server that was put to sleep on purpose."
    )
    failing: Shown | None = Field(
        default=None,
        description="Answers of a server that says it does not serve, such as 401 or 502, which "
        "would otherwise say nothing about it. What is not described here fails too.",
    )
    silent: Shown | None = Field(
        default=None,
        description="Answers that something else gives in the server's place, as a proxy in the "
        "pod does: they count as no answer.",
    )


class ModelEndpoint(Endpoint):
    """The endpoint that tells about one model."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            *_ENDPOINT_RULES,
            Rule(
                "self.path.contains('{model}') || has(self.body) || has(self.expect.jsonSchema)",
                "endpoints.model must say where the model's name goes: {model} in its path, "
                "its body or expect.jsonSchema",
            ),
        )
    )

    path: Path = Field(
        description="Path in which {model} stands for the model's name and {version} for its "
        "version, for example /v1/models/{model}. They may stand in texts of the body and of "
        "jsonSchema as well."
    )


class Endpoints(Model):
    """A server that no profile knows, described by its endpoints."""

    live: Endpoint | None = Field(
        default=None,
        description="Good as long as the process works, whatever it serves; it becomes the "
        "liveness probe. Without it liveness is a TCP connect, which can't see a hung process.",
    )
    ready: Endpoint = Field(
        description="Good when the server serves; it becomes the readiness "
        "probe where the kubelet can read it."
    )
    model: ModelEndpoint | None = Field(
        default=None, description="Good when one required model serves."
    )
    components: Endpoint | None = Field(
        default=None,
        description='Answers with a JSON object {"components": {"name": "healthy", ...}}.',
    )

    def named(self) -> Mapping[str, Endpoint]:
        """Those that are given, by their names."""
        given = {
            "live": self.live,
            "ready": self.ready,
            "model": self.model,
            "components": self.components,
        }
        return {name: endpoint for name, endpoint in given.items() if endpoint}
