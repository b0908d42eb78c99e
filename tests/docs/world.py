"""What the pages take for granted: a cluster, the workloads they name, servers that answer.

The namespaces are those of the pages, so that every command runs as it is printed.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from e2e.cluster.definitions import define
from e2e.cluster.model import Cluster
from tests.docs.pages import ROOT

NAMESPACE, SYSTEM, ARGOCD = "ml", "inferencehealth-system", "argocd"
POD_ADDRESSES = ("127.0.0.91", "127.0.0.92")
MODELS = ("resnet50", "bert")
EXAMPLE, WORKLOAD = "examples/triton.yaml", "examples/workloads/triton.yaml"
CHECKOUT = [
    "crds",
    "examples",
    "manifests",
    "schemas",
    "requirements",
    "pyproject.toml",
    "Makefile",
]
"""What the pages use of a checkout."""
PATIENCE = 120.0
"""Seconds that a command may take; the machine may be busy."""


@dataclass(frozen=True, slots=True)
class World:
    """A folder to type in, and the environment of the shell."""

    folder: Path
    environment: dict[str, str]
    asr: int
    """Port of the ASR server on localhost, which the pages know as 7100."""

    def run(self, command: str, timeout: float = PATIENCE) -> subprocess.CompletedProcess[str]:
        """A command as a shell runs it, to its end."""
        return subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )

    def must(self, command: str) -> str:
        """The output of a command that has to work for the tests to make sense."""
        done = self.run(command)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    def pods(self) -> list[str]:
        """Names of the workload's pods."""
        told = self.must(
            f"kubectl get pods -n {NAMESPACE} -l app=triton -o name --sort-by=.metadata.name"
        )
        return [line.removeprefix("pod/") for line in told.split()]

    def mend(self) -> None:
        """Workload and policy as they were: two pods that run, and no probes."""
        self.must(f"kubectl apply -n {NAMESPACE} -f {EXAMPLE}")
        present = self.run(f"kubectl get deployment triton -n {NAMESPACE}").returncode == 0
        self.must(f"kubectl {'replace' if present else 'create'} -n {NAMESPACE} -f {WORKLOAD}")
        self.must(
            "until test $(kubectl get pods -n ml -l app=triton -o name | wc -l) = 2; do :; done"
        )
        for name, address in zip(self.pods(), POD_ADDRESSES, strict=True):
            status = json.dumps({"status": _running(address)})
            words = f"-n {NAMESPACE} --subresource=status --type=merge -p '{status}'"
            self.must(f"kubectl patch pod {name} {words}")


def _running(address: str) -> dict[str, Any]:
    """The status that a kubelet would give, which this tier does not have."""
    server = {
        "name": "triton",
        "ready": True,
        "started": True,
        "restartCount": 0,
        "image": "x",
        "imageID": "x",
        "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
    }
    return {
        "phase": "Running",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [server],
    }


_TENSOR = {"name": "T", "datatype": "FP32", "shape": [1]}


class _Triton(BaseHTTPRequestHandler):
    """Answers as a Triton does whose models are all ready, and infer."""

    def do_GET(self) -> None:
        name = self.path.removeprefix("/v2/models/").partition("/")[0]
        declared = {"name": name, "platform": "onnxruntime_onnx", "inputs": [_TENSOR]}
        self._answer(json.dumps(declared).encode() if name in MODELS else b"{}")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.path.endswith("/infer"):
            self._answer(json.dumps({"outputs": [_TENSOR | {"data": [0.0]}]}).encode())
            return
        index = [{"name": name, "version": "1", "state": "READY"} for name in MODELS]
        self._answer(json.dumps(index).encode())

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: the tests' output is theirs."""


class _Asr(_Triton):
    """Answers as the ASR server does that is well."""

    def do_GET(self) -> None:
        self._answer(b'{"status": "healthy"}')


@contextmanager
def serving(address: str, port: int, handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """A server that answers while the block runs; gives its port."""
    server = ThreadingHTTPServer((address, port), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def world(cluster: Cluster, folder: Path) -> Iterator[World]:
    """Everything up: folder, namespaces, workload, servers and the operator."""
    with (
        serving(POD_ADDRESSES[0], 8000, _Triton),
        serving(POD_ADDRESSES[1], 8000, _Triton),
        serving("127.0.0.1", 0, _Asr) as asr,
    ):
        made = World(_folder(folder), _environment(cluster, folder), asr)
        define(cluster, ROOT / "crds")
        _prepare(made)
        with _operator(made):
            made.mend()
            made.must("kubectl wait ihp/triton --for=condition=Ready --timeout=90s")
            yield made
        made.run(f"kubectl delete namespace {NAMESPACE} {ARGOCD} --wait=false")


def _prepare(made: World) -> None:
    """The namespaces, anew where an earlier run left them."""
    made.must(f"kubectl config set-context --current --namespace={NAMESPACE}")
    made.must(f"kubectl delete namespace {NAMESPACE} {ARGOCD} --ignore-not-found --timeout=60s")
    for name in (NAMESPACE, ARGOCD):
        made.must(f"kubectl create namespace {name}")
    made.must(f"kubectl get namespace {SYSTEM} || kubectl create namespace {SYSTEM}")
    made.must(f"kubectl create configmap argocd-cm -n {ARGOCD}")


@contextmanager
def _operator(made: World) -> Iterator[None]:
    with (made.folder / "operator.log").open("w") as log:
        running = subprocess.Popen(
            [sys.executable, "-m", "inferencehealth.cli", "run", "--namespace", NAMESPACE],
            env=made.environment,
            stderr=log,
        )
        try:
            yield
        finally:
            running.terminate()
            running.wait(PATIENCE)


def _folder(folder: Path) -> Path:
    """A checkout as far as the pages know it, beside a user's own files."""
    typed = folder / "checkout"
    (typed / "deploy").mkdir(parents=True)
    for part in CHECKOUT:
        (typed / part).symlink_to(ROOT / part)
    (typed / ".venv").symlink_to(sys.prefix)
    shutil.copy(ROOT / WORKLOAD, typed / "deploy")
    shutil.copy(ROOT / WORKLOAD, typed / "service.yaml")
    shutil.copy(ROOT / EXAMPLE, typed / "policy.yaml")
    return typed


def _environment(cluster: Cluster, folder: Path) -> dict[str, str]:
    """Programs of this checkout first; helm and kustomize are played by a manifest."""
    programs = folder / "bin"
    programs.mkdir()
    (programs / "kubectl").symlink_to(cluster.kubectl)
    for name in ("helm", "kustomize"):
        (programs / name).write_text(f"#!/bin/sh\ncat {ROOT / WORKLOAD}\n")
        (programs / name).chmod(0o755)
    kubeconfig = folder / "kubeconfig"
    shutil.copy(cluster.kubeconfig, kubeconfig)
    path = f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    quiet = {"BROWSER": "true", "PYTHONUNBUFFERED": "1"}
    return os.environ | {"PATH": path, "KUBECONFIG": str(kubeconfig)} | quiet
