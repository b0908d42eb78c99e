"""Start, recognise and end the processes of a cluster; between the state folder and the kernel.

A process is known by its id and its start time, so a recycled id is never ended. Every process
also carries the state folder of its cluster in its environment: one that was started in the
instant before a crash, and never written down, is found by that.
"""

import contextlib
import os
import select
import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

MARKER = "INFERENCEHEALTH_CLUSTER"
# A killed process is gone in milliseconds, unless the machine is swapping or the disk stuck.
KILL_PATIENCE = 10.0


class ProcessId(BaseModel):
    """A process, told apart from any later one with the same id.

    `started` is in clock ticks since boot: field 22 of /proc/PID/stat (proc_pid_stat(5)).
    """

    model_config = ConfigDict(frozen=True)

    pid: int
    started: int


def identify(pid: int) -> ProcessId | None:
    """The process that has this id now; None when there is none or it is a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return parse_stat(pid, stat)


def parse_stat(pid: int, stat: str) -> ProcessId | None:
    """Read the text of /proc/PID/stat; None for a zombie, which holds nothing any more."""
    # The command name, in brackets, may itself hold blanks and brackets.
    fields = stat.rpartition(")")[2].split()
    state, started = fields[0], int(fields[19])
    return None if state in {"Z", "X"} else ProcessId(pid=pid, started=started)


def is_alive(process: ProcessId) -> bool:
    """Whether this very process still runs."""
    return identify(process.pid) == process


def spawn(argv: Sequence[str], *, log: Path, record: Path, state_dir: Path) -> ProcessId:
    """Start a program in a session of its own, output to `log`; write its identity to `record`.

    Raises OSError when the program cannot be executed.
    """
    env = environment(os.environ, state_dir)
    output = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    pid = os.posix_spawn(
        argv[0],
        list(argv),
        env,
        setsid=True,
        # Python ignores SIGPIPE, and an ignored signal stays ignored over exec.
        setsigdef=[signal.SIGPIPE, signal.SIGINT],
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), output, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
    )
    # It is our child and not waited for, so the id cannot have been given to another one; if it
    # has died already, start time 0 matches nothing.
    process = identify(pid) or ProcessId(pid=pid, started=0)
    record.write_text(process.model_dump_json())
    return process


def environment(parent: Mapping[str, str], state_dir: Path) -> dict[str, str]:
    """The environment of a cluster's process: nothing of the user's but where programs are.

    Proxy settings and a KUBECONFIG of the user must not reach the cluster.
    """
    kept = {name: parent[name] for name in ("HOME", "LANG", "TZ", "TMPDIR") if name in parent}
    return kept | {
        "PATH": parent.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin:/bin",
        MARKER: str(state_dir),
    }


def recorded(folder: Path) -> dict[str, ProcessId]:
    """The processes written down in a folder, by name; one half written counts as none."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        with contextlib.suppress(ValueError, OSError):
            found[path.stem] = ProcessId.model_validate_json(path.read_text())
    return found


def marked(state_dir: Path) -> list[ProcessId]:
    """Every process that carries this state folder in its environment."""
    wanted = f"{MARKER}={state_dir}".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        # Other people's processes cannot be read, and some end while we look.
        with contextlib.suppress(OSError):
            if wanted in path.read_bytes().split(b"\0"):
                process = identify(int(path.parent.name))
                found += [process] if process else []
    return found


def kill(processes: Iterable[ProcessId]) -> list[ProcessId]:
    """Kill processes and wait until they are gone; returns those that are not.

    There is nothing worth a graceful end: the data of a cluster is thrown away with it.
    """
    handles = [(process, fd) for process in processes if (fd := _open(process)) is not None]
    for _, fd in handles:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(fd, signal.SIGKILL)
    deadline = time.monotonic() + KILL_PATIENCE
    remaining = [process for process, fd in handles if not _gone(fd, deadline)]
    for process, fd in handles:
        os.close(fd)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(process.pid, os.WNOHANG)
    return remaining


def _open(process: ProcessId) -> int | None:
    try:
        fd = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return None
    # Compared after opening: from here on the handle means this process and no later one.
    if is_alive(process):
        return fd
    os.close(fd)
    return None


def _gone(fd: int, deadline: float) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(max(0.0, deadline - time.monotonic()) * 1000))
