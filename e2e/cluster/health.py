"""Ask components whether they are well, and wait until they are or one of them has died."""

import http.client
import json
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from e2e.cluster.layout import Component, Layout
from e2e.cluster.model import ClusterError
from e2e.cluster.processes import ProcessId, is_alive

# One answer: a component that is starting on a busy machine can be slow, but not this slow.
TIMEOUT = 5.0
# How soon we notice that something became ready; each look costs a connection.
POLL = 0.05
# A cold disk and six other builds on the machine; a healthy start takes a tenth of this.
PATIENCE = 120.0
SHOWN_LOG_LINES = 15


def trust(pki: Path) -> ssl.SSLContext:
    """The TLS settings of the cluster's administrator."""
    context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
    return context


def request(
    url: str, context: ssl.SSLContext, *, method: str = "GET", body: object = None
) -> tuple[int, bytes]:
    """One request, one answer; raises OSError or http.client.HTTPException when there is none."""
    parts = urlsplit(url)
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(parts.netloc, timeout=TIMEOUT, context=context)
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT)
    try:
        text = None if body is None else json.dumps(body)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        connection.request(method, target, text, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def fetch(url: str, context: ssl.SSLContext) -> Any | None:
    """The JSON document at a URL; None when there is none yet."""
    try:
        status, body = request(url, context)
    except (OSError, http.client.HTTPException):
        return None
    return json.loads(body) if status == http.HTTPStatus.OK else None


def is_well(component: Component, context: ssl.SSLContext) -> bool:
    """Whether a component answers its health check."""
    try:
        if component.health.startswith("unix://"):
            return _accepts(component.health.removeprefix("unix://"))
        return request(component.health, context)[0] == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False


def wait(
    what: str, condition: Callable[[], bool], processes: dict[str, ProcessId], layout: Layout
) -> None:
    """Return when the condition holds.

    Raises ClusterError with the end of the log when a process dies meanwhile, or when it takes
    longer than PATIENCE.
    """
    deadline = time.monotonic() + PATIENCE
    while not condition():
        for name, process in processes.items():
            if not is_alive(process):
                raise ClusterError(f"{name} died while starting.\n{last_lines(layout.log(name))}")
        if time.monotonic() > deadline:
            logs = "\n".join(last_lines(layout.log(name)) for name in processes)
            raise ClusterError(f"{what}: not ready after {PATIENCE:.0f} s.\n{logs}")
        time.sleep(POLL)


def last_lines(log: Path) -> str:
    """The end of a log, under its name."""
    text = log.read_text(errors="replace") if log.exists() else ""
    shown = "\n".join(f"  {line[:400]}" for line in text.splitlines()[-SHOWN_LOG_LINES:])
    return f"{log}:\n{shown or '  (empty)'}"


def node_is_ready(node: Any) -> bool:
    """Whether a Node object says Ready and takes pods."""
    conditions = node.get("status", {}).get("conditions", [])
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    return ready and not node.get("spec", {}).get("taints")


def _accepts(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(TIMEOUT)
        probe.connect(path)
    return True
