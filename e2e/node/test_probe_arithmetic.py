"""What budgets promise, spot-checked on the real kubelet: its arithmetic is not only simulated."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest

from e2e.story.stage import Stage
from inferencehealth.api.probes import Probes
from inferencehealth.kubelet import probe, worst_startup
from inferencehealth.probes.compile import CompiledSet, Defaults, compile_probes

pytestmark = pytest.mark.node

STARTUP, STOP, RESTART = 12.0, 6.0, 14.0
GRACE = 1
SLACK = 4.0  # the kubelet's own sync and status writes, times cut off to the second, a busy machine
PORT = 8080
HTTP = {"httpGet": {"path": "/", "port": PORT}}
BUDGETS = Probes.model_validate(
    {
        "budgets": {
            "maxStartup": f"{STARTUP:.0f}s",
            "stopTrafficAfter": f"{STOP:.0f}s",
            "restartAfter": f"{RESTART:.0f}s",
        }
    }
)
# A server that refuses for LOAD seconds, answers, and hangs for good after SERVE more.
SERVER = """
import http.server, os, signal, threading, time
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
load, serve = float(os.environ["LOAD"]), float(os.environ["SERVE"])
time.sleep(load)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if time.monotonic() > until:
            time.sleep(3600)
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_):
        pass
until = time.monotonic() + serve
def tell():
    time.sleep(serve)
    print(time.time(), flush=True)
threading.Thread(target=tell, daemon=True).start()
http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
"""


def test_the_kubelet_keeps_what_the_budgets_promise(stage: Stage) -> None:
    found = compile_probes(BUDGETS, Defaults("the server", STARTUP, STOP, RESTART, 1, 1))
    assert isinstance(found, CompiledSet)
    assert found.startup is not None
    pods = (
        pod("loads", found, load=STARTUP - 2, serve=3600),
        pod("never-loads", found, load=3600, serve=3600),
        pod("hangs", found, load=0, serve=8),
    )
    stage.apply(pods)
    becomes_ready(stage, "hangs", "True")
    out = becomes_ready(stage, "hangs", "False")
    hung = ended(stage, "hangs")
    began = float(stage.act("logs", "hangs", "--previous").split()[0])
    assert -1 <= out - began <= STOP + SLACK
    assert epoch(hung["finishedAt"]) - began <= RESTART + GRACE + SLACK
    never = ended(stage, "never-loads")
    lived = epoch(never["finishedAt"]) - epoch(never["startedAt"])
    assert STARTUP - 1 <= lived <= worst_startup(found.startup.numbers) + GRACE + SLACK
    becomes_ready(stage, "loads", "True")
    assert container(stage, "loads")["restartCount"] == 0


def pod(name: str, found: CompiledSet, *, load: float, serve: float) -> dict[str, Any]:
    """A pod whose server behaves as told, under the probes of the budgets."""
    assert found.startup is not None
    server = {
        "name": "server",
        "image": "inferencehealth.test/asr:1.0.0",
        "imagePullPolicy": "Never",
        "command": ["python3", "-c", SERVER],
        "env": [{"name": "LOAD", "value": str(load)}, {"name": "SERVE", "value": str(serve)}],
        "startupProbe": probe(HTTP, found.startup.numbers),
        "livenessProbe": probe(HTTP, found.liveness.numbers),
        "readinessProbe": probe(HTTP, found.readiness.numbers),
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "terminationGracePeriodSeconds": GRACE,
            "dnsPolicy": "Default",
            "containers": [server],
        },
    }


def container(stage: Stage, name: str) -> Mapping[str, Any]:
    """The status of the pod's container; empty before there is one."""
    statuses = stage.look("pod", name)["status"].get("containerStatuses") or [{}]
    found: Mapping[str, Any] = statuses[0]
    return found


def ended(stage: Stage, name: str) -> Mapping[str, Any]:
    """How the pod's container ended, once it did."""
    last: Mapping[str, Any] = stage.eventually(
        f"the container of {name} is ended",
        lambda: container(stage, name).get("lastState", {}).get("terminated", {}),
        bool,
        within=60,
    )
    return last


def becomes_ready(stage: Stage, name: str, status: str) -> float:
    """When the pod's Ready condition came to have that status."""
    found: Mapping[str, Any] = stage.eventually(
        f"pod {name} has Ready {status}",
        lambda: ready_condition(stage, name),
        lambda condition: condition.get("status") == status,
        within=60,
    )
    return epoch(found["lastTransitionTime"])


def ready_condition(stage: Stage, name: str) -> Mapping[str, Any]:
    """The pod's Ready condition; empty before there is one."""
    conditions = stage.look("pod", name)["status"].get("conditions") or ()
    return next((c for c in conditions if c["type"] == "Ready"), {})


def epoch(time: str) -> float:
    """Seconds of a time as the API server writes it."""
    return datetime.fromisoformat(time).timestamp()
