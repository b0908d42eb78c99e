"""A small real request that the operator sends now and then, and what a good answer is like."""

from enum import StrEnum
from typing import Any

from pydantic import ConfigDict, Field

from inferencehealth.api.base import Model
from inferencehealth.api.bodies import (
    BODY_RULES,
    MAX_CANARY_BODY,
    BodyFrom,
    ContentType,
    Multipart,
)
from inferencehealth.api.durations import Duration
from inferencehealth.api.endpoints import Expect, Method
from inferencehealth.api.fields import ObjectName, Path, Port
from inferencehealth.api.rules import Rule, rules


class CanaryMode(StrEnum):
    """Who says what the canary asks."""

    AUTO = "Auto"
    OFF = "Off"
    CUSTOM = "Custom"


class SecretRef(Model):
    """A Secret of the policy's own namespace."""

    name: ObjectName = Field(description="Name of the Secret.")


class HeadersFrom(Model):
    """Where further headers come from."""

    secret_ref: SecretRef = Field(
        description="Secret in the policy's namespace; each of its keys is the name of a header, "
        'for example Authorization with the value "Bearer ...". It is read by name only; the '
        "checker needs a RoleBinding that lets it."
    )


class CanaryExpect(Expect):
    """What a good answer to the canary is like."""

    max_latency: Duration | None = Field(
        default=None,
        description="An answer that takes longer makes the pod Degraded.",
        examples=["2s"],
    )


class Canary(Model):
    """A small real inference, sent only while no progress of real traffic is seen."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                "(has(self.mode) && self.mode == 'Custom') == has(self.path)",
                "mode Custom needs path, and path belongs to mode Custom only",
                "path",
            ),
            Rule(
                "!has(self.mode) || self.mode != 'Auto' || "
                "!(has(self.body) || has(self.bodyText) || has(self.bodyFrom))",
                "in mode Auto the operator writes the body; mode Custom sends yours",
                "body",
            ),
            *BODY_RULES,
            Rule(
                "!has(self.port) || type(self.port) != int || "
                "(self.port >= 1 && self.port <= 65535)",
                "a port number lies between 1 and 65535",
                "port",
            ),
            Rule(
                "duration(self.interval) >= duration('10s') && "
                "duration(self.interval) <= duration('24h')",
                "interval lies between 10s and 24h",
                "interval",
            ),
            Rule(
                "duration(self.timeout) >= duration('100ms') && "
                "duration(self.timeout) <= duration('10m')",
                "timeout lies between 100ms and 10m",
                "timeout",
            ),
        )
    )

    mode: CanaryMode = Field(
        default=CanaryMode.AUTO,
        description="Auto: the smallest request that the server's profile knows (docs/servers.md), "
        'or none where it knows none. "Off" (in quotes, because YAML reads a bare Off as false): '
        "none is sent. Custom: the request below.",
    )
    interval: Duration = Field(
        default=60.0, description="Time between two canaries of one pod, at least."
    )
    timeout: Duration = Field(default=10.0, description="Time one canary may take.")
    path: Path | None = Field(
        default=None,
        description='Path and query, starting with "/". No scheme, no host.',
        examples=["/v2/models/resnet50/infer"],
    )
    port: Port | None = Field(
        default=None,
        description="Port of this request where it is not spec.server.port: number or name of a "
        "container port.",
    )
    method: Method = Field(default=Method.POST, description="How it is asked.")
    headers_from: HeadersFrom | None = Field(
        default=None, description="Further headers, such as an API key."
    )
    body: dict[str, Any] | None = Field(
        default=None,
        description="JSON object to send, with method POST.",
        json_schema_extra={"x-kubernetes-preserve-unknown-fields": True},
    )
    body_text: str | None = Field(
        default=None,
        max_length=MAX_CANARY_BODY,
        description="Text to send as it stands, with method POST, in place of body.",
    )
    body_from: BodyFrom | None = Field(
        default=None,
        description="File to send, with method POST, in place of body: an audio clip, an image.",
    )
    content_type: ContentType | None = Field(
        default=None,
        description="Content type of the body. Default: application/json for body, text/plain "
        "for bodyText, application/octet-stream for bodyFrom. What is called JSON has to be JSON.",
    )
    multipart: Multipart | None = Field(
        default=None, description="Send the body as a file in a form; absent: as it is."
    )
    expect: CanaryExpect = Field(
        default=CanaryExpect(), description="What a good answer is like; anything else fails."
    )
