"""Ten thousand fake pods on a real API server, checked by one real checker every 10 s.

Measures the start to the first full round, a steady fleet, and one of which 1 % flaps: CPU and
memory of the checker process, how late its checks start, and what it writes to the API server.
"""

import argparse
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from bench.report import Bar, Report, show
from bench.world import PORT, Usage, Window, enter, nginx, running, window
from e2e import program
from e2e.cluster import api
from e2e.cluster.kubectl import kubectl
from e2e.cluster.launch import FAKE_NODES
from e2e.cluster.model import Cluster, Tier
from e2e.cluster.processes import identify

NAMESPACE = "fleet"
PER_DEPLOYMENT = 100
INTERVAL = 10
LISTEN = "127.0.0.1:19080"
PATIENCE = 900.0
FLAPPING = 120
"""Seconds: a little more than half the period of an address that flaps."""
METRIC = "inferencehealth_"


def main() -> None:
    """Runs all scenes; exits with 1 when a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.fleet", description=__doc__)
    parser.add_argument("--pods", type=int, default=10_000)
    parser.add_argument("--seconds", type=int, default=60, help="length of each measured window")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    enter()
    with fleet(given.pods) as cluster:
        report = measured(cluster, given.pods, given.seconds)
    sys.exit(0 if show(report, given.json) else 1)


@contextmanager
def fleet(pods: int) -> Iterator[Cluster]:
    """A cluster with so many Ready fake pods, a policy for them, and their reports."""
    cluster = api.up(
        Tier.SCALE, name=f"bench-{os.getpid()}", audit=True, owner=identify(os.getpid())
    )
    try:
        program.install(cluster)
        kubectl(cluster, "create", "namespace", NAMESPACE)
        apply(cluster, *deployments(pods), policy())
        say(f"waiting for {pods} fake pods")
        until(lambda: ready_pods(cluster) >= pods, "all fake pods are Ready")
        with running(ihp(cluster, "controller"), log=log_of(cluster, "controller")):
            want = pods // PER_DEPLOYMENT
            until(lambda: len(names(cluster, "ihr")) >= want, "every Deployment has its report")
        yield cluster
    finally:
        api.down(cluster)


def measured(cluster: Cluster, pods: int, seconds: int) -> Report:
    """The scenes, one after the other, with the controller beside the checker."""
    rows: list[tuple[str, ...]] = []
    with ExitStack() as stack:
        stack.enter_context(running(ihp(cluster, "controller"), log=log_of(cluster, "controller")))
        server = stack.enter_context(ExitStack())
        server.enter_context(nginx())
        began = time.monotonic()
        command = [*ihp(cluster, "checker"), "--listen", LISTEN, "--identity", "bench"]
        checker = stack.enter_context(running(command, log=log_of(cluster, "checker")))
        until(lambda: metric("verdicts", verdict="Ready") >= pods, "the first full round")
        first_round, cpu = time.monotonic() - began, checker.cpu()
        rows.append(
            ("start to first full round", f"{first_round:.1f} s", f"{cpu:.1f} s CPU", *("",) * 4)
        )
        until(lambda: summary(cluster) == f"{pods}/{pods}", "the policy says so")
        settle(seconds)
        steady = scene(cluster, checker, seconds)
        rows.append(("steady", *steady.cells()))
        server.close()
        server.enter_context(nginx(flapping=True))
        settle(2 * INTERVAL)
        flapping = scene(cluster, checker, max(seconds, FLAPPING))
        rows.append(("1 % flapping", *flapping.cells()))
    return Report(
        title=f"{pods:,} pods every {INTERVAL} s on one checker",
        columns=("scene", "cores", "RSS MiB", "checks/s", "late p99 s", "shed", "writes/s"),
        rows=tuple(rows),
        bars=(
            Bar("share of one core, steady", steady.window.cores, 0.5, at_most=True),
            Bar("RSS in MiB, steady", steady.window.rss, 300, at_most=True),
            Bar("lateness p99 in s, steady", steady.late, 0.25, at_most=True),
            Bar("API writes per second, steady", steady.writes, 0, at_most=True),
        ),
        notes=(
            "late p99: the upper bound of its histogram's bucket",
            "writes: by the audit log; not the checker's own Lease, renewed every 5 s",
            (
                "flapping: 1 of 256 addresses answers 500 for every other 100 s, "
                f"{flapping.transitions:.0f} transitions in {flapping.window.seconds:.0f} s"
            ),
        ),
    )


class Scene:
    """What the checker did over a window."""

    def __init__(self, measured_: Window, *, checks: float, late: float, shed: float) -> None:
        self.window = measured_
        self.checks = checks / measured_.seconds
        self.late = late
        self.shed = shed
        self.writes = 0.0
        self.written: Counter[str] = Counter()
        self.transitions = 0.0

    def cells(self) -> tuple[str, ...]:
        """As a row of the table."""
        return (
            f"{self.window.cores:.2f}",
            f"{self.window.rss:.0f}",
            f"{self.checks:.0f}",
            f"≤ {self.late:g}",
            f"{self.shed:.0f}",
            f"{self.writes:.2f}",
        )


def scene(cluster: Cluster, checker: Usage, seconds: int) -> Scene:
    """Watch the checker for so long."""
    before, lines, at = numbers(), buckets(), audit_size(cluster)
    with window(checker) as found:
        time.sleep(seconds)
    after = numbers()
    checks = total(after, "checks_total") - total(before, "checks_total")
    result = Scene(
        found[0],
        checks=checks,
        late=quantile(lines, buckets(), 0.99),
        shed=total(after, "checks_shed_total") - total(before, "checks_shed_total"),
    )
    result.written = writes_since(cluster, at)
    result.writes = result.written.total() / found[0].seconds
    result.transitions = total(after, "transitions_total") - total(before, "transitions_total")
    return result


# the fleet


def deployments(pods: int) -> list[dict[str, object]]:
    """Deployments of PER_DEPLOYMENT pods each."""
    count = pods // PER_DEPLOYMENT
    return [deployment(f"server-{n:04d}", f"fake-{n % FAKE_NODES}") for n in range(count)]


def deployment(name: str, node: str) -> dict[str, object]:
    """One of them; kwok plays its pods, and no scheduler stands in between."""
    container = {"name": "server", "image": "none", "ports": [{"containerPort": PORT}]}
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"tier": "inference"}},
        "spec": {
            "replicas": PER_DEPLOYMENT,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"nodeName": node, "containers": [container]},
            },
        },
    }


def policy(interval: int = INTERVAL) -> dict[str, object]:
    """One path, its body judged by a JSON Schema: what the transports' benchmark asks, too."""
    healthy = {"properties": {"status": {"const": "healthy"}}, "required": ["status"]}
    ready = {"path": "/health", "expect": {"jsonSchema": healthy}}
    return {
        "apiVersion": "inferencehealth.dev/v1alpha1",
        "kind": "InferenceHealthPolicy",
        "metadata": {"name": "fleet", "namespace": NAMESPACE},
        "spec": {
            "target": {"selector": {"matchLabels": {"tier": "inference"}}},
            "server": {"profile": "custom", "port": PORT, "endpoints": {"ready": ready}},
            "checks": {"interval": f"{interval}s", "timeout": "1s"},
        },
    }


# looking


def apply(cluster: Cluster, *objects: dict[str, object]) -> None:
    """Give the objects to the API server."""
    listed = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    kubectl(cluster, "apply", "--server-side", "-f", "-", given=json.dumps(listed))


def ready_pods(cluster: Cluster) -> int:
    """Pods that the Deployments count as ready."""
    path = "jsonpath={.items[*].status.readyReplicas}"
    return sum(map(int, kubectl(cluster, "-n", NAMESPACE, "get", "deploy", "-o", path).split()))


def names(cluster: Cluster, resource: str) -> list[str]:
    """Names of objects of the fleet."""
    return kubectl(cluster, "-n", NAMESPACE, "get", resource, "-o", "name").split()


def summary(cluster: Cluster) -> str:
    """Pods that serve, as the policy says."""
    path = "jsonpath={.status.summary.pods}"
    return kubectl(cluster, "-n", NAMESPACE, "get", "ihp", "fleet", "-o", path)


def numbers() -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """The checker's metrics by name and labels."""
    with urllib.request.urlopen(f"http://{LISTEN}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def metric(name: str, **labels: str) -> float:
    """One metric; 0 while the checker does not serve them yet."""
    try:
        return numbers().get((METRIC + name, tuple(sorted(labels.items()))), 0.0)
    except OSError:
        return 0.0


def total(found: dict[tuple[str, tuple[tuple[str, str], ...]], float], name: str) -> float:
    """A metric over all its labels."""
    return sum(value for (each, _), value in found.items() if each == METRIC + name)


def buckets() -> dict[float, float]:
    """The lateness histogram: checks by upper bound."""
    name = METRIC + "check_lateness_seconds_bucket"
    return {float(dict(labels)["le"]): v for (each, labels), v in numbers().items() if each == name}


def quantile(before: dict[float, float], after: dict[float, float], share: float) -> float:
    """Upper bound of the bucket in which that share of the checks in between lies."""
    counts = {bound: after[bound] - before.get(bound, 0) for bound in sorted(after)}
    want = share * max(counts.values())
    return next(bound for bound, count in counts.items() if count >= want)


def audit_size(cluster: Cluster) -> int:
    """Bytes of the audit log so far."""
    assert cluster.audit_log is not None
    return cluster.audit_log.stat().st_size


def writes_since(cluster: Cluster, offset: int) -> Counter[str]:
    """Writes of our programs since then by verb and resource, Leases left out."""
    assert cluster.audit_log is not None
    with cluster.audit_log.open("rb") as log:
        log.seek(offset)
        entries = [json.loads(line) for line in log if b"inferencehealth" in line]
    return Counter(
        f"{entry['verb']} {entry['objectRef']['resource']}"
        for entry in entries
        if entry["verb"] in {"create", "update", "patch", "delete"}
        and entry.get("userAgent", "").startswith("inferencehealth")
        and entry["objectRef"]["resource"] != "leases"
    )


def ihp(cluster: Cluster, command: str) -> list[str]:
    """One of our programs."""
    config = ["--kubeconfig", str(cluster.kubeconfig)]
    return [sys.executable, "-m", "inferencehealth.cli", command, *config]


def log_of(cluster: Cluster, name: str) -> Path:
    """Where a program's log goes."""
    return cluster.state_dir / "logs" / f"{name}.log"


def until(look: Callable[[], bool], what: str) -> None:
    """Look every half second until it is so."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            if look():
                return
        except (OSError, subprocess.CalledProcessError) as error:
            say(f"not yet: {error}")
        if time.monotonic() > deadline:
            sys.exit(f"not within {PATIENCE:.0f} s: {what}")
        time.sleep(0.5)


def settle(seconds: float) -> None:
    """Let what was under way end before the clock starts."""
    time.sleep(seconds)


def say(text: str) -> None:
    """Tell whoever waits."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
