"""Servers whose programs a pod mounts from the cache: vLLM and Ollama, as objects to deploy.

Only a node that shares this machine's files can run them: not kind's.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from e2e.servers import catalog, rootfs
from e2e.servers.images import build_image
from e2e.servers.llamacpp.gguf import write_model as write_gguf
from e2e.servers.ollama import build as ollama_build
from e2e.servers.vllm import process as vllm_process
from e2e.servers.vllm.model import write_model

VLLM_IMAGE = "vllm/vllm-openai:v0.20.2"
OLLAMA_IMAGE = "ollama/ollama:0.17.4"
"""What the images are called: by these names profiles recognise the servers."""

_HERE = Path(__file__).parent
_CREATE = "until /opt/ollama/ollama create good -f /models/Modelfile; do sleep 1; done"


def image() -> Path:
    """Debian's Python under the names of the servers' own images."""
    return build_image(
        "inferencehealth.test/mounted:1",
        _HERE / "Containerfile",
        _HERE,
        aliases=[VLLM_IMAGE, OLLAMA_IMAGE],
        base=catalog.base_image(
            "inferencehealth.test/mounted-base:1", "mounted", rootfs.MOUNTED_PACKAGES
        ),
    )


def vllm(folder: Path) -> list[dict[str, Any]]:
    """A Deployment of vLLM with the model `good`, and its Service.

    What it reads is written into `folder`. Raises ServerUnavailableError.
    """
    packages = vllm_process.packages()
    mounts = {
        "/opt/vllm": packages,
        "/opt/metadata": vllm_process.metadata(folder / "metadata"),
        "/models/good": write_model(folder / "model"),
    }
    command = [
        *("python3", "-m", "vllm.entrypoints.openai.api_server"),
        *("--model", "/models/good", "--served-model-name", "good", "--port", "8000"),
        *("--load-format", "dummy", "--enforce-eager", "--max-model-len", "1024"),
    ]
    env = {"PYTHONPATH": "/opt/vllm:/opt/metadata", "HOME": "/tmp", **vllm_process.SETTINGS}
    return _objects("vllm", VLLM_IMAGE, command, 8000, env=env, mounts=mounts)


def ollama(folder: Path) -> list[dict[str, Any]]:
    """A Deployment of Ollama that makes itself the model `good`, not loaded, and its Service.

    What it reads is written into `folder`. Raises ServerUnavailableError.
    """
    program = ollama_build.binary().parent
    models = folder / "models"
    models.mkdir(parents=True)
    write_gguf(models / "model.gguf")
    (models / "Modelfile").write_text("FROM /models/model.gguf\n")
    mounts = {"/opt/ollama": program, "/models": models}
    env = {
        "HOME": "/tmp",
        "OLLAMA_HOST": "0.0.0.0:11434",
        "OLLAMA_KEEP_ALIVE": "-1",
        "OLLAMA_NUM_PARALLEL": "1",
    }
    command = ["/opt/ollama/ollama", "serve"]
    service, deployment = _objects("ollama", OLLAMA_IMAGE, command, 11434, env=env, mounts=mounts)
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    container["lifecycle"] = {"postStart": {"exec": {"command": ["sh", "-c", _CREATE]}}}
    return [service, deployment]


def _objects(
    name: str,
    image: str,
    command: Sequence[str],
    port: int,
    *,
    env: Mapping[str, str],
    mounts: Mapping[str, Path],
) -> list[dict[str, Any]]:
    labels = {"app": name, "tier": "inference"}
    volumes = {f"part-{number}": mount for number, mount in enumerate(mounts.items())}
    container = {
        "name": name,
        "image": image,
        "imagePullPolicy": "Never",
        "command": list(command),
        "env": [{"name": key, "value": value} for key, value in env.items()],
        "ports": [{"name": "http", "containerPort": port}],
        "volumeMounts": [
            {"name": volume, "mountPath": where, "readOnly": True}
            for volume, (where, _) in volumes.items()
        ],
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}},
    }
    pod = {
        "dnsPolicy": "Default",  # the test cluster has no DNS of its own
        "enableServiceLinks": False,  # vLLM would read a Service's VLLM_PORT as its own
        "terminationGracePeriodSeconds": 5,
        "containers": [container],
        "volumes": [
            {"name": volume, "hostPath": {"path": str(folder), "type": "Directory"}}
            for volume, (_, folder) in volumes.items()
        ],
    }
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "labels": labels},
        "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": port}]},
    }
    return [service, deployment]
