"""A place of its own for a benchmark: a network namespace in which only loopback exists.

There one nginx can answer for the addresses of ten thousand fake pods, all of 127.64.0.0/12, and
nobody else is reached or disturbed. Needs root on Linux.
"""

import ctypes
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

CLONE_NEWNET = 0x40000000
TICKS = os.sysconf("SC_CLK_TCK")
PORT = 8000

_NGINX = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  keepalive_requests 1000000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  # {flapping}: whose last number is 7 is down for every other 100 s, if flapping is asked for.
  map "$server_addr $msec" $down {{ default 0; {rule} }}
  server {{
    listen 0.0.0.0:{port} backlog=8192;
    default_type application/json;
    location / {{ if ($down) {{ return 500 "{{}}"; }} return 200 '{{"status":"healthy"}}'; }}
  }}
}}
"""
_FLAPPING = r'"~^127\.64\.\d+\.7 \d{7}[13579]" 1;'


def enter() -> None:
    """Move this process, and all that it starts, into a network namespace of its own."""
    if os.geteuid() != 0:
        sys.exit("this benchmark needs root: it makes a network namespace of its own")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        sys.exit(f"no network namespace of its own: {os.strerror(ctypes.get_errno())}")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


@contextmanager
def nginx(*, flapping: bool = False) -> Iterator[None]:
    """Answer HTTP at PORT of every loopback address; about 1 % of them flap if asked to."""
    with TemporaryDirectory() as folder:
        config = Path(folder, "nginx.conf")
        rule = _FLAPPING if flapping else ""
        config.write_text(
            _NGINX.format(folder=folder, port=PORT, rule=rule, flapping=flapping), "utf-8"
        )
        with running(["nginx", "-c", str(config), "-p", folder]):
            yield


@contextmanager
def running(
    command: Sequence[str], *, env: Mapping[str, str] | None = None, log: Path | None = None
) -> Iterator["Usage"]:
    """Run a program during the block; it is ended by its process id."""
    with (log or Path(os.devnull)).open("ab") as out:
        child = subprocess.Popen(command, stdout=out, stderr=out, env=env)
    try:
        yield Usage(child.pid)
    finally:
        child.terminate()
        try:
            child.wait(timeout=20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def cpu_of(pid: int) -> float:
    """CPU seconds, user and system, of a process so far (proc(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has used, from /proc."""

    pid: int

    def cpu(self) -> float:
        """CPU seconds so far, user and system, of all its threads."""
        return cpu_of(self.pid)

    def rss(self) -> float:
        """Resident memory in MiB."""
        lines = Path(f"/proc/{self.pid}/status").read_text("utf-8").splitlines()
        kib = next(line.split()[1] for line in lines if line.startswith("VmRSS"))
        return int(kib) / 1024


@dataclass(frozen=True, slots=True)
class Window:
    """A process over a stretch of time: share of one core, and memory at its end."""

    seconds: float
    cores: float
    rss: float


@contextmanager
def window(usage: Usage) -> Iterator[list[Window]]:
    """Measure the process over the block; the list has the one window afterwards."""
    found: list[Window] = []
    began, cpu = time.monotonic(), usage.cpu()
    yield found
    seconds = time.monotonic() - began
    found.append(Window(seconds, (usage.cpu() - cpu) / seconds, usage.rss()))
