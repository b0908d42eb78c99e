"""The programs around a benchmark of transports: nginx as the server, and what others ask with.

Nothing is installed and nothing of the machine is touched: each runs on loopback with its own
configuration in a folder of its own, and ends with the block that started it.
"""

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.error import URLError
from urllib.request import urlopen

APT_PACKAGES: Final = ("nginx-light", "prometheus-blackbox-exporter", "wrk")
PATHS: Final = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
BODY: Final = '{"status":"healthy"}'
STARTING: Final = 10.0
"""Seconds that a program may take to listen."""

_NGINX: Final = """
daemon off; master_process off; worker_processes 1;
pid {folder}/nginx.pid; error_log {folder}/error.log warn;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location = /health {{ default_type application/json; return 200 '{body}'; }}
  }}
}}
"""

_BLACKBOX: Final = """
modules:
  health:
    prober: http
    timeout: 5s
    http:
      preferred_ip_protocol: ip4
      ip_protocol_fallback: false
      follow_redirects: false
      fail_if_body_not_matches_regexp: ['"status":\\s*"healthy"']
"""


def program(name: str) -> str:
    """Path of an installed program; SystemExit with the remedy where it is missing."""
    found = shutil.which(name, path=PATHS)
    if found is None:
        raise SystemExit(f"{name} is not installed; `make setup-bench` installs it (apt, root)")
    return found


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def nginx() -> Iterator[int]:
    """A server that answers GET /health with BODY; its port."""
    with nginx_process() as (port, _):
        yield port


@contextmanager
def nginx_process() -> Iterator[tuple[int, int]]:
    """The same; its port and pid."""
    with tempfile.TemporaryDirectory(prefix="ihp-bench-") as folder:
        port, config = free_port(), Path(folder) / "nginx.conf"
        config.write_text(_NGINX.format(folder=folder, port=port, body=BODY), "utf-8")
        with _running([program("nginx"), "-p", folder, "-c", str(config)]) as pid:
            _await(f"http://127.0.0.1:{port}/health")
            yield port, pid


@contextmanager
def blackbox_exporter() -> Iterator[tuple[int, int]]:
    """A prober with a module `health` that matches BODY by a regular expression; port and pid."""
    with tempfile.TemporaryDirectory(prefix="ihp-bench-") as folder:
        port, config = free_port(), Path(folder) / "blackbox.yml"
        config.write_text(_BLACKBOX, "utf-8")
        arguments = [f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}"]
        with _running([program("prometheus-blackbox-exporter"), *arguments]) as pid:
            _await(f"http://127.0.0.1:{port}/-/healthy")
            yield port, pid


def versions() -> dict[str, str]:
    """Versions of the programs, as they tell them."""
    told = {
        "nginx": ([program("nginx"), "-v"], r"nginx/(\S+)"),
        "blackbox_exporter": (
            [program("prometheus-blackbox-exporter"), "--version"],
            r"version (\S+)",
        ),
        "wrk": ([program("wrk"), "-v"], r"wrk \S*?([0-9][^ ]*) "),
    }
    return {name: _version(command, pattern) for name, (command, pattern) in told.items()}


def _version(command: list[str], pattern: str) -> str:
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(pattern, ran.stdout + ran.stderr)
    return found[1].rstrip(",") if found else "unknown"


@contextmanager
def _running(command: list[str]) -> Iterator[int]:
    silent = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=silent, stdout=silent, stderr=silent) as child:
        try:
            yield child.pid
        finally:
            child.terminate()


def _await(url: str) -> None:
    """Until it listens: the kernel refuses before that, so this is no busy loop for long."""
    deadline = time.monotonic() + STARTING
    while True:
        try:
            with urlopen(url, timeout=STARTING):
                return
        except URLError as error:
            if time.monotonic() > deadline:
                raise SystemExit(f"{url} does not answer: {error.reason}") from error
            time.sleep(0.02)
