"""A plain kubeconfig read into an Access without the `kubernetes` package, which is slow to import.

For commands that end soon. What is not plain (plugins, several files, anything unknown, anything
broken) is left to `kubeconfig`, which knows all of it and says what is wrong.
"""

import base64
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from inferencehealth.kube.config import Access, Credentials, TokenFile, tls_context

_CLUSTER: Final = frozenset(
    {
        "server",
        "certificate-authority",
        "certificate-authority-data",
        "insecure-skip-tls-verify",
        "tls-server-name",
    }
)
_USER: Final = frozenset(
    {
        "client-certificate",
        "client-certificate-data",
        "client-key",
        "client-key-data",
        "token",
        "tokenFile",
    }
)
"""What is plain; the names are those of k8s.io/client-go/tools/clientcmd/api/v1."""


@dataclass(frozen=True, slots=True)
class Headers:
    """Credentials that stay as they are."""

    headers: Mapping[str, str]

    async def __call__(self, *, renew: bool = False) -> Mapping[str, str]:  # noqa: ARG002
        """The headers to send."""
        return self.headers


def read(file: str) -> Access | None:
    """The access in that file; None unless all that its current context needs is plain."""
    path = Path(file).expanduser()
    try:
        raw = yaml.safe_load(path.read_text("utf-8"))
        return _access(raw, path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError):
        return None


def _access(raw: Mapping[str, Any], path: Path) -> Access | None:
    name = raw["current-context"]
    chosen = _named(raw["contexts"], name)["context"]
    cluster = _named(raw["clusters"], chosen["cluster"])["cluster"]
    user = _named(raw["users"], chosen["user"])["user"] or {}
    server = cluster["server"].rstrip("/")
    if cluster.keys() - _CLUSTER or user.keys() - _USER or {"token", "tokenFile"} <= user.keys():
        return None
    if not server.startswith(("https://", "http://")):
        return None
    return Access(
        server=server,
        source=f"context {name} of {path}",
        credentials=_credentials(user, path.parent),
        tls=_tls(cluster, user, path.parent) if server.startswith("https:") else None,
        namespace=chosen.get("namespace") or "default",
        tls_server_name=cluster.get("tls-server-name") or "",
    )


def _named(entries: list[Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    found = [entry for entry in entries if entry["name"] == name]
    if len(found) != 1:
        raise KeyError(name)
    return found[0]


def _credentials(user: Mapping[str, Any], folder: Path) -> Credentials:
    if user.get("tokenFile"):
        return TokenFile(folder / user["tokenFile"])
    token = user.get("token")
    return Headers({"Authorization": f"Bearer {token.strip()}"} if token else {})


def _tls(cluster: Mapping[str, Any], user: Mapping[str, Any], folder: Path) -> ssl.SSLContext:
    authorities = _pem(cluster, "certificate-authority", folder)
    verify = not cluster.get("insecure-skip-tls-verify")
    if not verify or authorities is None:
        context = tls_context(ca_file=None, verify=verify)
    else:
        context = ssl.create_default_context(cadata=authorities)
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    certificate, key = (_pem(user, f"client-{each}", folder) for each in ("certificate", "key"))
    if certificate is not None and key is not None:
        # OpenSSL takes both from a file only; its permissions are the owner's alone.
        with tempfile.NamedTemporaryFile("w", encoding="ascii", suffix=".pem") as both:
            both.write(f"{certificate}\n{key}")
            both.flush()
            context.load_cert_chain(both.name)
    return context


def _pem(entry: Mapping[str, Any], field: str, folder: Path) -> str | None:
    """The text of a certificate or key that stands there, or in the file named there."""
    if data := entry.get(f"{field}-data"):
        return base64.b64decode(data, validate=True).decode("ascii")
    named = entry.get(field)
    return (folder / named).read_text("ascii") if named else None
