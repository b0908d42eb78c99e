"""Keeps the webhook's certificates: read from the Secret that all replicas share, renewed in time.

Every replica may renew: whoever writes first wins, and the others read what he wrote. The bundle
goes into the webhook's configuration before a certificate needs it.
"""

import asyncio
import base64
import logging
import ssl
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from inferencehealth.admission.certificates import Material, from_secret, renewed, to_secret
from inferencehealth.api.names import WEBHOOK_MANAGER
from inferencehealth.kube.client import Client
from inferencehealth.kube.errors import Conflict, KubeError, NotFound
from inferencehealth.kube.requests import SECRETS, WEBHOOK_CONFIGURATIONS, JsonObject

LOOK: Final = 60.0
"""Seconds between two looks: a bundle counts as read by all after an hour."""
ATTEMPTS: Final = 5
"""Replicas that may be faster than us, one after the other."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """Where certificates are kept, and for which names of the webhook they are good."""

    namespace: str
    secret: str
    configuration: str
    """Name of the MutatingWebhookConfiguration."""
    names: Sequence[str]


class Keeper:
    """The certificates in use. `tls` is what the server uses; new connections see what is new."""

    def __init__(self, client: Client, place: Place, now: Callable[[], datetime]) -> None:
        self._client = client
        self._place = place
        self._now = now
        self._loaded: Material | None = None
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    async def look(self) -> None:
        """Renew what is due, serve what is there, and let the API server trust it."""
        material = await self._current()
        if material != self._loaded:
            load(self.tls, material.serving.certificate, material.serving.key)
            self._loaded = material
            ends = material.serving.parsed.not_valid_after_utc
            logger.info("serves with a certificate that is good until %s", ends.isoformat())
        await publish(self._client, self._place.configuration, material.bundle)

    async def run(self) -> None:
        """Look again and again; trouble is told once and waited out: certificates last weeks."""
        troubled = False
        while True:
            await asyncio.sleep(LOOK)
            try:
                await self.look()
                troubled = False
            except KubeError as error:
                if not troubled:
                    logger.warning("the certificates can't be looked after now: %s", error)
                troubled = True

    async def _current(self) -> Material:
        for _ in range(ATTEMPTS):
            secret = await self._read()
            material = from_secret(_decoded(secret)) if secret else None
            fresh = renewed(material, self._place.names, self._now())
            if fresh is material:
                return fresh
            try:
                await self._write(secret, fresh)
            except Conflict:
                continue
            return fresh
        raise Conflict(409, "Conflict", f"Secret {self._place.secret} keeps changing under us")

    async def _read(self) -> JsonObject | None:
        place = self._place
        try:
            return await self._client.get(SECRETS, place.secret, namespace=place.namespace)
        except NotFound:
            return None

    async def _write(self, secret: JsonObject | None, material: Material) -> None:
        place = self._place
        data = {key: base64.b64encode(v).decode() for key, v in to_secret(material).items()}
        if secret is not None:
            await self._client.update(SECRETS, {**secret, "data": data}, manager=WEBHOOK_MANAGER)
            return
        body = {
            "metadata": {"name": place.secret, "namespace": place.namespace},
            "type": "kubernetes.io/tls",
            "data": data,
        }
        await self._client.create(SECRETS, body, namespace=place.namespace, manager=WEBHOOK_MANAGER)


class Folder:
    """Certificates that somebody else keeps in a folder, as cert-manager does."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loaded: tuple[bytes, bytes] | None = None
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    async def look(self) -> None:
        """Serve what is there now. Raises OSError or ssl.SSLError where nothing usable is."""
        certificate = (self._folder / "tls.crt").read_bytes()
        key = (self._folder / "tls.key").read_bytes()
        if (certificate, key) != self._loaded:
            load(self.tls, certificate, key)
            self._loaded = (certificate, key)
            logger.info("serves with the certificate in %s", self._folder)

    async def run(self) -> None:
        """Look again and again; half-written files are read the next time."""
        while True:
            await asyncio.sleep(LOOK)
            try:
                await self.look()
            except (OSError, ssl.SSLError) as error:
                logger.warning("the certificate in %s can't be read: %s", self._folder, error)


def load(tls: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Let new connections see this certificate."""
    with tempfile.TemporaryDirectory() as folder:  # ssl reads files only
        chain = Path(folder) / "pem"
        chain.touch(mode=0o600)
        chain.write_bytes(certificate + key)
        tls.load_cert_chain(chain)


async def publish(client: Client, configuration: str, bundle: bytes) -> None:
    """Write the bundle into every webhook of the configuration that has another one."""
    try:
        found = await client.get(WEBHOOK_CONFIGURATIONS, configuration)
    except NotFound:
        logger.warning(
            "there is no MutatingWebhookConfiguration %s: nobody asks this webhook", configuration
        )
        return
    encoded = base64.b64encode(bundle).decode()
    operations = [
        operation
        for index, each in enumerate(found.get("webhooks") or ())
        if each["clientConfig"].get("caBundle") != encoded
        for operation in (
            {"op": "test", "path": f"/webhooks/{index}/name", "value": each["name"]},
            {"op": "add", "path": f"/webhooks/{index}/clientConfig/caBundle", "value": encoded},
        )
    ]
    if operations:
        await client.json_patch(
            WEBHOOK_CONFIGURATIONS, configuration, operations, manager=WEBHOOK_MANAGER
        )


def _decoded(secret: JsonObject) -> dict[str, bytes]:
    try:
        return {key: base64.b64decode(v) for key, v in (secret.get("data") or {}).items()}
    except (ValueError, TypeError):
        return {}
