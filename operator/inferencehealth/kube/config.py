"""How to reach the API server: from a pod's ServiceAccount or a kubeconfig to one Access value."""

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from inferencehealth.kube.errors import ConfigError

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where the kubelet projects token, ca.crt and namespace (Kubernetes docs, Accessing the API)."""


class Credentials(Protocol):
    """Gives the headers that authenticate a request.

    `renew` is set after the server refused the previous ones (401). Raises ConfigError.
    """

    async def __call__(self, *, renew: bool = False) -> Mapping[str, str]:
        """The headers to send now."""


@dataclass(frozen=True, slots=True)
class Access:
    """Everything a client needs to reach one cluster.

    `source` names the configuration in messages; `namespace` is its default namespace;
    `tls_server_name` and `proxy` are empty unless a kubeconfig sets them.
    """

    server: str
    source: str
    credentials: Credentials
    tls: ssl.SSLContext | None = None
    namespace: str = "default"
    tls_server_name: str = ""
    proxy: str = ""


async def load_briefly(kubeconfig: Path | None = None) -> Access:
    """The same as `load`, sooner where that can be, for a command that ends soon: certificates
    and inline tokens are not read again when they change.
    """
    from inferencehealth.kube import plain  # noqa: PLC0415

    inside = bool(os.environ.get("KUBERNETES_SERVICE_HOST"))
    named = str(kubeconfig) if kubeconfig is not None else os.environ.get("KUBECONFIG", "")
    if (not named and inside) or os.pathsep in named:
        return await load(kubeconfig)
    return plain.read(named or "~/.kube/config") or await load(kubeconfig)


async def load(kubeconfig: Path | None = None, context: str | None = None) -> Access:
    """The access that kubectl would have from here.

    In order: the given kubeconfig, `$KUBECONFIG`, the pod's ServiceAccount, `~/.kube/config`. A
    context makes it a kubeconfig in any case. Nothing is asked of the server. Raises ConfigError,
    which names the file and the context.
    """
    # Imported when wanted: it brings the generated client, 20 MiB that no pod of ours needs.
    from inferencehealth.kube import kubeconfig as files  # noqa: PLC0415

    if kubeconfig is not None:
        return await files.load(str(kubeconfig), context)
    if os.environ.get("KUBECONFIG"):
        return await files.load(os.environ["KUBECONFIG"], context)
    if context is None and os.environ.get("KUBERNETES_SERVICE_HOST"):
        return in_cluster(os.environ, SERVICE_ACCOUNT)
    return await files.load(str(Path.home() / ".kube" / "config"), context)


def is_inside() -> bool:
    """Whether this process runs in a pod; the kubelet sets the variable for every container."""
    return bool(os.environ.get("KUBERNETES_SERVICE_HOST"))


def in_cluster(env: Mapping[str, str], account: Path) -> Access:
    """The access of a pod: address from the environment, credentials from its ServiceAccount.

    Raises ConfigError when a part is missing.
    """
    try:
        host, port = env["KUBERNETES_SERVICE_HOST"], env["KUBERNETES_SERVICE_PORT"]
    except KeyError as missing:
        raise ConfigError(
            f"{missing.args[0]} is not set, so this is no pod; give a kubeconfig with --kubeconfig"
        ) from None
    try:
        context = tls_context(ca_file=account / "ca.crt")
        namespace = (account / "namespace").read_text().strip()
        token = TokenFile(account / "token")
        token.headers()
    except OSError as error:
        raise ConfigError(
            f"the pod's ServiceAccount cannot be read: {error}; "
            "check that automountServiceAccountToken is not false"
        ) from error
    return Access(
        server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        source="the pod's ServiceAccount",
        credentials=token,
        tls=context,
        namespace=namespace or "default",
    )


class TokenFile:
    """Credentials from a token file, read again whenever it changes.

    The kubelet replaces a projected token at 80 % of its life, by renaming a link.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._headers: dict[str, str] = {}

    async def __call__(self, *, renew: bool = False) -> Mapping[str, str]:
        """The headers of the token in the file now."""
        try:
            return self.headers(renew=renew)
        except OSError as error:
            raise ConfigError(f"the token file cannot be read: {error}") from error

    def headers(self, *, renew: bool = False) -> Mapping[str, str]:
        """The same, without a loop; raises OSError."""
        state = self._path.stat()
        stamp = (state.st_mtime_ns, state.st_ino)
        if renew or stamp != self._stamp:
            self._headers = {"Authorization": f"Bearer {self._path.read_text().strip()}"}
            self._stamp = stamp
        return self._headers


def tls_context(*, ca_file: Path | str | None, verify: bool = True) -> ssl.SSLContext:
    """TLS to an API server that proves itself by the given CA (None: the system's).

    Raises OSError when the CA cannot be read (ssl.SSLError is one).
    """
    context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    # Since Python 3.13 the default demands extensions that many clusters' own CAs lack.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
