"""Webhooks of a controller that runs beside the cluster: certificates, and where to find them.

In an installation they are behind a Service; here the API server asks them on loopback.
"""

import base64
import copy
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.cluster import certs
from e2e.servers.processes import LOOPBACK


@dataclass(frozen=True, slots=True)
class Served:
    """A webhook server on loopback: its port, and the authority that signed its certificate."""

    port: int
    authority: bytes


def certificates(folder: Path, port: int) -> Served:
    """Put a serving certificate where controller-runtime looks for one: tls.crt and tls.key."""
    folder.mkdir(parents=True, exist_ok=True)
    identity = certs.Identity(user="webhook", hosts=(LOOPBACK,))
    certs.write_pki(folder, {"tls": identity}, dt.datetime.now(dt.UTC))
    return Served(port, (folder / "ca.crt").read_bytes())


def on_loopback(configuration: Mapping[str, Any], served: Served) -> dict[str, Any]:
    """A webhook configuration as its project ships it, for a server on loopback."""
    made: dict[str, Any] = copy.deepcopy(dict(configuration))
    for hook in made["webhooks"]:
        path = hook["clientConfig"]["service"]["path"]
        hook["clientConfig"] = {
            "url": f"https://{LOOPBACK}:{served.port}{path}",
            "caBundle": base64.b64encode(served.authority).decode(),
        }
    return made
