"""A kubeconfig read into an Access; the `kubernetes` package does the reading and the plugins."""

import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from kubernetes.aio.client import Configuration
from kubernetes.aio.config import ConfigException
from kubernetes.aio.config.kube_config import (
    ENV_KUBECONFIG_PATH_SEPARATOR,
    KubeConfigLoader,
    KubeConfigMerger,
)

from inferencehealth.kube.config import Access, tls_context
from inferencehealth.kube.errors import ConfigError

RENEW_AFTER: Final = 60.0
"""Seconds for which credentials are taken as they are; then files and expiry are read again."""


async def load(paths: str, context: str | None) -> Access:
    """The access in a kubeconfig file, or several in the form of `$KUBECONFIG`.

    Raises ConfigError with file, context and remedy.
    """
    loader, settings = _loader(paths, context), Configuration()
    chosen = loader.current_context
    source = f"context {chosen['name']} of {paths}"
    await _read(loader, settings, source)
    _demand_credentials(loader, source)
    try:
        secure = _tls(settings)
    except OSError as error:
        raise ConfigError(f"{source}: the certificates cannot be used: {error}") from error
    return Access(
        server=settings.host,
        source=source,
        credentials=LoaderCredentials(loader, settings, source, secure),
        tls=secure,
        namespace=chosen["context"].get("namespace") or "default",
        tls_server_name=settings.tls_server_name or "",
        proxy=settings.proxy or "",
    )


class LoaderCredentials:
    """Credentials that the loader renews: exec plugins, OIDC, token files, client certificates."""

    def __init__(
        self,
        loader: KubeConfigLoader,
        settings: Configuration,
        source: str,
        secure: ssl.SSLContext | None,
    ) -> None:
        self._loader = loader
        self._settings = settings
        self._source = source
        self._tls = secure
        self._read_at = time.monotonic()

    async def __call__(self, *, renew: bool = False) -> Mapping[str, str]:
        """The headers to send now; raises ConfigError."""
        if renew:
            # The loader believes a plugin's expiry; the server has just said otherwise.
            vars(self._loader).pop("exec_plugin_expiry", None)
        if renew or time.monotonic() - self._read_at > RENEW_AFTER:
            self._read_at = time.monotonic()
            await _read(self._loader, self._settings, self._source)
            if self._tls is not None and self._settings.cert_file:
                # In place: new connections present the new certificate.
                self._tls.load_cert_chain(self._settings.cert_file, self._settings.key_file)
        token = self._settings.api_key.get("BearerToken")
        return {"Authorization": token.strip()} if token else {}


def _loader(paths: str, context: str | None) -> KubeConfigLoader:
    if not any(Path(p).expanduser().is_file() for p in paths.split(ENV_KUBECONFIG_PATH_SEPARATOR)):
        raise ConfigError(
            f"there is no kubeconfig {paths}; give one with --kubeconfig or set KUBECONFIG"
        )
    wanted = f"context {context}" if context else "the current context"
    try:
        merged = KubeConfigMerger(paths).config  # type: ignore[no-untyped-call]
        return KubeConfigLoader(merged, context, config_base_path=None)  # type: ignore[no-untyped-call]
    except ConfigException as error:
        raise ConfigError(
            f"{wanted} of {paths} cannot be used: {error}; "
            "`kubectl config get-contexts` lists what there is"
        ) from error
    except (OSError, yaml.YAMLError, AttributeError, TypeError, KeyError) as error:
        raise ConfigError(f"{paths} is no readable kubeconfig: {error}") from error


async def _read(loader: KubeConfigLoader, settings: Configuration, source: str) -> None:
    try:
        await loader.load_and_set(settings)  # type: ignore[no-untyped-call]
    except (ConfigException, OSError, ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"{source} cannot be used: {error}") from error


def _demand_credentials(loader: KubeConfigLoader, source: str) -> None:
    # The loader only logs a plugin's failure, and would go on without credentials.
    found: dict[str, Any] = vars(loader)
    user = found.get("_user")
    if user is not None and "exec" in user and not (found.get("token") or found.get("cert_file")):
        raise ConfigError(
            f"{source}: the credential plugin {user['exec']['command']} gave nothing; "
            "run it by hand, and log in again if it asks for that"
        )


def _tls(settings: Configuration) -> ssl.SSLContext | None:
    if not settings.host.startswith("https:"):
        return None
    secure = tls_context(ca_file=settings.ssl_ca_cert, verify=settings.verify_ssl)
    if settings.cert_file:
        secure.load_cert_chain(settings.cert_file, settings.key_file)
    return secure
