"""A server's address as people type it: http://host:port."""

import re
import socket
import ssl
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import typer

from inferencehealth.api.server import Scheme
from inferencehealth.checks.steps import Peer, Trust

HINT = "TARGET"

_USUAL_PORTS = {Scheme.HTTP: 80, Scheme.HTTPS: 443}
_NAME = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is and how it is spoken to."""

    scheme: Scheme
    host: str
    port: int


def is_url(text: str) -> bool:
    """Whether it is an address, and not a pod or workload of a cluster."""
    return "://" in text


def parse_address(text: str) -> Address:
    """Scheme, host and port; raises typer.BadParameter with the remedy."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no address: {error}", param_hint=HINT) from error
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise typer.BadParameter(
            f"{text!r}: write http://HOST:PORT or https://HOST:PORT", param_hint=HINT
        )
    if _has_more(parts):
        raise typer.BadParameter(
            f"{text!r}: give scheme, host and port only; the profile knows the paths",
            param_hint=HINT,
        )
    scheme = Scheme(parts.scheme.upper())
    return Address(scheme, parts.hostname, port or _USUAL_PORTS[scheme])


def peers_at(address: Address, *, ca_file: Path | None, insecure: bool) -> tuple[Peer, ...]:
    """The peers at the IP addresses of the host, in order; raises typer.BadParameter."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except OSError as error:
        told = f"{address.host} has no address: {error.strerror}"
        raise typer.BadParameter(told, param_hint=HINT) from error
    trust = _trust(address, ca_file, insecure=insecure)
    host = _host_header(address)
    return tuple(
        Peer(ip, trust, host=host) for ip in dict.fromkeys(str(place[4][0]) for place in found)
    )


def _host_header(address: Address) -> str:
    """The name as a server or a proxy before it is to hear it; empty for an IP address."""
    if not _NAME.fullmatch(address.host) or _is_ip(address.host):
        return ""
    usual = _USUAL_PORTS[address.scheme]
    return address.host if address.port == usual else f"{address.host}:{address.port}"


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _has_more(parts: SplitResult) -> bool:
    rest = (parts.query, parts.fragment, parts.username, parts.password)
    return parts.path not in {"", "/"} or any(rest)


def _trust(address: Address, ca_file: Path | None, *, insecure: bool) -> Trust | None:
    """How far an HTTPS server's certificate is trusted: the system's authorities by default."""
    if address.scheme is Scheme.HTTP:
        return None
    try:
        context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
        ca_pem = ca_file.read_text("ascii") if ca_file else ""
    except (OSError, UnicodeError) as error:
        told = f"{ca_file} has no certificates that can be used: {error}"
        raise typer.BadParameter(told, param_hint="'--ca-file'") from error
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return Trust(context, address.host, ca_pem)
