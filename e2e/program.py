"""The operator as a process beside a cluster: installed from crds/, started, found again, stopped.

`ihp run` starts controller and checker as children. All three carry the mark of the cluster in
their environment, so taking the cluster down ends them too, whatever happened to us.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster import processes
from e2e.cluster.definitions import define
from e2e.cluster.health import last_lines
from e2e.cluster.model import Cluster
from e2e.cluster.processes import ProcessId
from e2e.story.stage import KubectlError, kubectl
from inferencehealth.api.names import CHECKER_LEASE_LABEL, SYSTEM_NAMESPACE

CRDS = Path(__file__).resolve().parent.parent / "crds"
NAME = "operator"

START_SECONDS = 60.0  # two Python programs on a machine that also starts model servers
STOP_SECONDS = 20.0  # `ihp run` gives its programs 15 to finish their writes
POLL_SECONDS = 0.2


class ProgramError(RuntimeError):
    """The operator ended, or gave no sign of life; the message ends with the end of its log."""


@dataclass(frozen=True, slots=True)
class Program:
    """A running operator."""

    process: ProcessId
    log: Path
    state_dir: Path

    def is_alive(self) -> bool:
        """Whether it still runs."""
        return processes.is_alive(self.process)

    def trouble(self) -> str:
        """That it ended, with the end of its log; "" while it runs."""
        return "" if self.is_alive() else f"the operator ended by itself.\n{self.log_end()}"

    def log_end(self) -> str:
        """The end of its log."""
        return last_lines(self.log)

    @contextlib.contextmanager
    def without_checker(self) -> Iterator[None]:
        """The checker hangs as long as the block runs: it is not started anew, as a dead one is."""
        (checker,) = (
            each.pid
            for each in family(self.process, self.state_dir)
            if b"checker" in Path(f"/proc/{each.pid}/cmdline").read_bytes().split(b"\0")
        )
        os.kill(checker, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(checker, signal.SIGCONT)

    def stop(self) -> None:
        """Ask it to end and wait; what has not ended then is killed."""
        if self.is_alive():
            os.kill(self.process.pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while self.is_alive() and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        processes.kill(family(self.process, self.state_dir))
        with contextlib.suppress(ChildProcessError):  # it is our child only in the run it began in
            os.waitpid(self.process.pid, os.WNOHANG)
        _record(self.state_dir).unlink(missing_ok=True)


def install(cluster: Cluster) -> None:
    """Give the cluster the CRDs and the operator's own namespace; returns when they are served."""
    define(cluster, CRDS)
    namespace = '{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"%s"}}'
    kubectl(cluster, "apply", "--filename=-", stdin=namespace % SYSTEM_NAMESPACE)


def start_operator(cluster: Cluster, *, log: Path) -> Program:
    """Start the operator and return when its checker has shown a sign of life.

    Raises ProgramError when it ends or stays silent.
    """
    if old := find(cluster):
        old.stop()
    log.parent.mkdir(parents=True, exist_ok=True)
    record = _record(cluster.state_dir)
    record.parent.mkdir(parents=True, exist_ok=True)
    before = _renewals(cluster)
    process = processes.spawn(command(cluster), log=log, record=record, state_dir=cluster.state_dir)
    program = Program(process, log, cluster.state_dir)
    deadline = time.monotonic() + START_SECONDS
    while _renewals(cluster) <= before:
        if not program.is_alive():
            raise ProgramError(f"the operator ended at once.\n{last_lines(log)}")
        if time.monotonic() > deadline:
            program.stop()
            raise ProgramError(
                f"the checker held no Lease within {START_SECONDS:.0f} s.\n{last_lines(log)}"
            )
        time.sleep(POLL_SECONDS)
    return program


def command(cluster: Cluster) -> tuple[str, ...]:
    """The command line, as a person would start it from a laptop."""
    return (
        *(sys.executable, "-m", "inferencehealth.cli", "run"),
        *("--kubeconfig", str(cluster.kubeconfig), "--system-namespace", SYSTEM_NAMESPACE),
    )


def find(cluster: Cluster) -> Program | None:
    """The operator that an earlier program left running beside the cluster; None without one."""
    process = processes.recorded(_record(cluster.state_dir).parent).get(NAME)
    if process is None or not processes.is_alive(process):
        return None
    return Program(process, log_of(cluster), cluster.state_dir)


def log_of(cluster: Cluster) -> Path:
    """Where the operator's log belongs: to the cluster's own."""
    return cluster.state_dir / "logs" / f"{NAME}.log"


def family(process: ProcessId, state_dir: Path) -> list[ProcessId]:
    """The operator and its children: those marked with the cluster that run its command line."""
    found = []
    for each in processes.marked(state_dir):
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{each.pid}/cmdline").read_bytes().split(b"\0")
            if each == process or b"inferencehealth.cli" in words:
                found.append(each)
    return found


def _renewals(cluster: Cluster) -> set[str]:
    """When checkers last renewed their Leases."""
    words = ("--namespace", SYSTEM_NAMESPACE, "get", "leases", "--output")
    path = "jsonpath={.items[*].spec.renewTime}"
    label = f"--selector={CHECKER_LEASE_LABEL}=checker"
    try:
        return set(kubectl(cluster, *words, path, label).split())
    except KubectlError:
        return set()


def _record(state_dir: Path) -> Path:
    return state_dir / "processes" / f"{NAME}.json"
