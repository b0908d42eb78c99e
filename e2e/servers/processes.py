"""A server as a process of this machine: started on loopback, waited for, asked, stopped."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LOOPBACK = "127.0.0.1"

_POLL_SECONDS = 0.05  # well under the time any of these servers needs to start
_STOP_SECONDS = 3.0  # a healthy server needs less; Triton with a dead model would wait for 30
_LOG_TAIL_LINES = 15
_FLOOD_SECONDS = 60.0  # a flooding client is patient: it waits where a user would


class StartError(RuntimeError):
    """A server ended, or did not answer in time; the message ends with the last of its log."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered: the HTTP status code and the body as text."""

    status: int
    body: str


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A started server: its process (leader of a session of its own), ports by name, and log."""

    name: str
    process: subprocess.Popen[bytes]
    ports: Mapping[str, int]
    log: Path

    def url(self, path: str, port: str = "http") -> str:
        """The address of a path on one of the named ports."""
        return f"http://{LOOPBACK}:{self.ports[port]}{path}"

    def ask(self, path: str, *, body: str | None = None, timeout: float = 5.0) -> Answer | None:
        """GET the path (POST when there is a body); None when nothing answers in time, seconds."""
        return ask(self.url(path), body=body, timeout=timeout)

    def stop(self) -> None:
        """End the server and all its children; a second call does nothing."""
        groups = self._groups()
        _signal(self.process.pid, signal.SIGCONT)
        _signal(self.process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(_STOP_SECONDS)
        _signal_all(groups, signal.SIGKILL)
        self.process.wait()

    def kill(self) -> None:
        """Kill the server and all its children at once, as the kernel does (SIGKILL)."""
        _signal_all(self._groups(), signal.SIGKILL)
        self.process.wait()

    def freeze(self) -> None:
        """Stop the server and its children from running (SIGSTOP): open ports, no answers."""
        _signal_all(self._groups(), signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen server run again."""
        _signal_all(self._groups(), signal.SIGCONT)

    def _groups(self) -> frozenset[int]:
        """The process groups of the server and of children that left its own, as BentoML's do."""
        groups, waiting = {self.process.pid}, [self.process.pid]
        while waiting:
            for pid in _children(waiting.pop()):
                waiting.append(pid)
                with contextlib.suppress(ProcessLookupError):
                    groups.add(os.getpgid(pid))
        return frozenset(groups)


def signal_part(server: RunningServer, words: str, number: signal.Signals) -> None:
    """Signal the processes below the server in whose command line these words stand.

    Raises LookupError when there is none: a fault that was not injected must not go unnoticed.
    """
    found = [pid for pid in _below(server.process.pid) if words in _command_line(pid)]
    if not found:
        raise LookupError(f"{server.name} has no process that is called {words!r}")
    for pid in found:
        os.kill(pid, number)


def free_ports(count: int) -> tuple[int, ...]:
    """Ports of loopback that were free a moment ago, all different."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return tuple(each.getsockname()[1] for each in sockets)


def launch(
    name: str,
    command: Sequence[str],
    *,
    ports: Mapping[str, int],
    log: Path,
    env: Mapping[str, str] | None = None,
) -> RunningServer:
    """Start the command in a session of its own, output into `log`; does not wait for it.

    `env` is added to the environment of this process.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            start_new_session=True,
        )
    return RunningServer(name=name, process=process, ports=ports, log=log)


def wait_until(server: RunningServer, reached: Callable[[], bool], *, timeout: float) -> None:
    """Poll until `reached`; StartError when the server ends or `timeout` seconds pass first."""
    deadline = time.monotonic() + timeout
    while not reached():
        code = server.process.poll()
        if code is not None:
            raise StartError(f"{server.name} ended with exit code {code}.\n{_tail(server.log)}")
        if time.monotonic() > deadline:
            raise StartError(
                f"{server.name} did not get there within {timeout:g} s.\n{_tail(server.log)}"
            )
        time.sleep(_POLL_SECONDS)


def run_to_end(command: Sequence[str], *, env: Mapping[str, str]) -> None:
    """Run a server's own client program; StartError with its output when it fails."""
    done = subprocess.run(
        command, env={**os.environ, **env}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise StartError(f"{' '.join(command)} failed: {done.stdout}{done.stderr}")


@contextlib.contextmanager
def stopped_on_failure(server: RunningServer) -> Iterator[RunningServer]:
    """Leave no process behind when what follows the start (usually the waiting) fails."""
    try:
        yield server
    except BaseException:
        server.stop()
        raise


@contextlib.contextmanager
def stopped_at_end(server: RunningServer) -> Iterator[RunningServer]:
    """The server for the length of a `with` block."""
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def flooded(server: RunningServer, path: str, body: str, *, clients: int) -> Iterator[None]:
    """The length of a `with` block in which so many clients POST to the path without a pause."""
    enough = threading.Event()

    def client() -> None:
        while not enough.is_set():
            server.ask(path, body=body, timeout=_FLOOD_SECONDS)

    threads = [threading.Thread(target=client, daemon=True) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        enough.set()


def ask(url: str, *, body: str | None = None, timeout: float = 5.0) -> Answer | None:
    """GET the URL (POST when there is a body); None when nothing answers within `timeout` s."""
    data = None if body is None else body.encode()
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout) as response:
            return Answer(response.status, response.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.read().decode())
    except (OSError, http.client.HTTPException):
        return None


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            found.extend(int(child) for child in listing.read_text().split())
    return found


def _below(pid: int) -> Iterator[int]:
    for child in _children(pid):
        yield child
        yield from _below(child)


def _command_line(pid: int) -> str:
    with contextlib.suppress(OSError):  # it ended meanwhile
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
    return ""


def _signal_all(groups: Iterable[int], number: signal.Signals) -> None:
    for group in groups:
        _signal(group, number)


def _signal(group: int, number: signal.Signals) -> None:
    # The group outlives its leader as long as a child is left, and its number is not reused before.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return "\n".join([f"The end of {log}:", *lines[-_LOG_TAIL_LINES:]])
