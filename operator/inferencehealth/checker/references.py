"""What a policy refers to: Secrets with headers, ConfigMaps with authorities and bodies, by name.

Only ever from the report's own namespace. Nothing is watched or listed, so that a checker needs
no more than `get` on the names that its users give it. Values of Secrets are never told: no
error, log line or representation has them.
"""

import base64
import binascii
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Protocol

from inferencehealth.api.bodies import MAX_CANARY_FILE, BodyKeyRef
from inferencehealth.api.server import Tls
from inferencehealth.checks import tls
from inferencehealth.checks.steps import Request, Trust
from inferencehealth.checks.transports import check_request
from inferencehealth.kube.errors import Forbidden, KubeError, NotFound
from inferencehealth.kube.requests import CONFIG_MAPS, SECRETS, Resource
from inferencehealth.kube.retries import ONE_SHOT, Limits

MAX_AGE: Final = 60.0
"""Seconds after which a reference is read again: a rotated key counts within a minute."""
FORGET_AFTER: Final = 600.0
"""Seconds after which what nobody asked for again is forgotten: a policy may be gone, and its key
with it."""
MAX_HEADERS: Final = 16
"""Keys of a Secret that can be sent as headers."""

Headers = tuple[tuple[str, str], ...]


class UnreadableError(Exception):
    """A reference cannot be used; the message says which one and what mends it."""


class Get(Protocol):
    """`Client.get`: reads one object by its name."""

    def __call__(
        self, resource: Resource, name: str, *, namespace: str = "", limits: Limits = ...
    ) -> Awaitable[dict[str, Any]]:
        """The object; raises KubeError."""


@dataclass(slots=True)
class _Known:
    """What was read, or why it could not be."""

    read_at: float
    value: object = field(repr=False)


class References:
    """Reads references by `get` and remembers them for MAX_AGE seconds of `clock`."""

    def __init__(self, get: Get, clock: Callable[[], float] = time.monotonic) -> None:
        self._get = get
        self._clock = clock
        self._known: dict[tuple[str, str, str, str], _Known] = {}
        self._trusts: dict[tuple[str, str, str], tuple[str, Trust]] = {}

    async def headers(self, namespace: str, secret: str) -> Headers:
        """The entries of a Secret as headers. Raises UnreadableError."""
        found: Headers | UnreadableError = await self._read(SECRETS, namespace, secret, _headers)
        if isinstance(found, UnreadableError):
            raise found
        return found

    async def file(self, namespace: str, of: BodyKeyRef) -> bytes:
        """An entry of a ConfigMap, of its binaryData or data. Raises UnreadableError."""
        read = partial(_entry, of.key)
        found = await self._read(CONFIG_MAPS, namespace, of.name, read, entry=of.key)
        if isinstance(found, UnreadableError):
            raise found
        return bytes(found)

    async def trust(self, namespace: str, asked: Tls) -> Trust:
        """The trust that a policy asks for, with the authorities of its ConfigMap.

        Raises UnreadableError. The same object is given as long as the authorities are the same.
        """
        if asked.ca_from is None:
            return self._trust((namespace, "", asked.server_name), asked, "")
        source = asked.ca_from.config_map
        data = await self._read(CONFIG_MAPS, namespace, source.name, _data)
        if isinstance(data, UnreadableError):
            raise data
        pem = data.get(source.key, "")
        where = (namespace, f"{source.name}/{source.key}", asked.server_name)
        return self._trust(where, asked, pem)

    def forget(self, namespace: str, secret: str) -> None:
        """The Secret was refused: read it anew the next time."""
        self._known.pop((SECRETS.plural, namespace, secret, ""), None)

    async def _read(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        read: Callable[[str, Mapping[str, Any]], Any],
        *,
        entry: str = "",
    ) -> Any:
        """What `read` makes of the object, or of its one `entry`; or an UnreadableError."""
        key = resource.plural, namespace, name, entry
        known = self._known.get(key)
        if known is not None and self._clock() - known.read_at < MAX_AGE:
            return known.value
        try:
            found = await self._get(resource, name, namespace=namespace, limits=ONE_SHOT)
            value = read(name, found)
        except UnreadableError as error:
            value = error
        except ValueError:
            value = UnreadableError(f"{name!r} is no name of a {resource.kind}")
        except (Forbidden, NotFound) as error:
            value = _refused(resource, namespace, name, error)
        except KubeError as error:
            # The API server is away: what was read before is still the best that is known.
            why = f"{resource.kind} {name} cannot be read now: {error}"
            value = known.value if known is not None else UnreadableError(why)
        now = self._clock()
        self._known = {k: v for k, v in self._known.items() if now - v.read_at < FORGET_AFTER}
        self._known[key] = _Known(now, value)
        return value

    def _trust(self, where: tuple[str, str, str], asked: Tls, pem: str) -> Trust:
        made = self._trusts.get(where)
        if made is None or made[0] != pem:
            try:
                made = pem, tls.trust(asked, pem)
            except ValueError as error:
                raise UnreadableError(str(error)) from None
            self._trusts[where] = made
        return made[1]


def _headers(name: str, secret: Mapping[str, Any]) -> Headers:
    """The headers in a Secret; raises UnreadableError for what can't be sent."""
    data = _data(name, secret)
    if not data or len(data) > MAX_HEADERS:
        raise UnreadableError(
            f"Secret {name} has {len(data)} keys; a canary takes 1 to {MAX_HEADERS}, "
            "each named like a header"
        )
    headers = []
    for key, encoded in sorted(data.items()):
        try:
            # A value made with `echo` or an editor ends with a line break.
            value = base64.b64decode(encoded, validate=True).decode("ascii").strip()
            check_request(Request("/", headers=((key, value),)))
        except (binascii.Error, ValueError):
            raise UnreadableError(
                f'key "{key}" of Secret {name} is no header that a check can send: its name must '
                "be a header's, not one that frames a message, and its value one line of "
                "printable ASCII"
            ) from None
        headers.append((key, value))
    return tuple(headers)


def _data(_name: str, found: Mapping[str, Any]) -> dict[str, str]:
    data = found.get("data") or {}
    return {str(key): str(value) for key, value in data.items()}


def _entry(key: str, name: str, found: Mapping[str, Any]) -> bytes:
    """One entry of a ConfigMap; raises UnreadableError where it is none, or too long."""
    binary, text = found.get("binaryData") or {}, found.get("data") or {}
    if key not in binary and key not in text:
        raise UnreadableError(
            f'ConfigMap {name} has no key "{key}", neither in binaryData nor in data'
        )
    try:
        data = (
            base64.b64decode(binary[key], validate=True)
            if key in binary
            else str(text[key]).encode()
        )
    except (binascii.Error, TypeError, ValueError):
        raise UnreadableError(f'key "{key}" of ConfigMap {name} is no base64') from None
    if len(data) > MAX_CANARY_FILE:
        raise UnreadableError(
            f'key "{key}" of ConfigMap {name} is longer than {MAX_CANARY_FILE // 1024} KiB; '
            "send a smaller request"
        )
    return data


def _refused(
    resource: Resource, namespace: str, name: str, error: Forbidden | NotFound
) -> UnreadableError:
    if isinstance(error, NotFound):
        return UnreadableError(f"{resource.kind} {name} does not exist in namespace {namespace}")
    return UnreadableError(
        f"the checker may not read {resource.kind} {name} in namespace {namespace}; it needs a "
        f"Role with verb get on {resource.plural}, resourceNames [{name}], and a RoleBinding to "
        "the checker's service account"
    )
