"""What goes wrong, and how it is mended: done to servers in pods of a real node."""

import subprocess
from collections.abc import Sequence

from e2e.cluster.model import Cluster, ProviderName
from e2e.cluster.providers.kind import kind_name
from e2e.story.seen import Pod
from e2e.story.stage import Stage, StepError

# Finds the processes of one pod by its control group, those by name and command line, and sends
# them a signal. From inside it would not do: the kernel ignores most signals that the first process
# of a container gets there.
SIGNAL = """
for process in /proc/[0-9]*; do
  if { cat $process/comm; tr '\\0' ' ' < $process/cmdline; } 2>/dev/null | grep -qE "$2" \\
      && grep -qE "$1" $process/cgroup; then
    kill "-$3" "${process#/proc/}" && echo "${process#/proc/}"
  fi
done
"""


def load_model(stage: Stage, model: str) -> None:
    """Ask Triton to load a model of its repository, as a release pipeline would."""
    _ask_triton(stage, model, "load")


def unload_model(stage: Stage, model: str) -> None:
    """Ask Triton to unload a model."""
    _ask_triton(stage, model, "unload")


def _ask_triton(stage: Stage, model: str, verb: str) -> None:
    url = f"http://localhost:8000/v2/repository/models/{model}/{verb}"
    stage.act("exec", "deployment/triton", "--", "curl", "-s", "-X", "POST", url)


def mend_model(stage: Stage, model: str) -> None:
    """Put a version that works in the model's place, and load it."""
    files = ("/models/good/1/model.py", f"/models/{model}/1/model.py")
    stage.act("exec", "deployment/triton", "--", "cp", *files)
    load_model(stage, model)


def scale(stage: Stage, deployment: str, replicas: int) -> None:
    """Stop a Deployment's pods, or bring them back."""
    stage.act("scale", f"deployment/{deployment}", f"--replicas={replicas}")


def reload_model(stage: Stage, model: str) -> None:
    """Have Triton give a model a new process, through its repository API."""
    for verb in ("unload", "load"):
        url = f"http://localhost:8000/v2/repository/models/{model}/{verb}"
        stage.act("exec", "deployment/triton", "--", "curl", "-s", "-X", "POST", url)


def freeze(stage: Stage, pod: Pod, program: str) -> tuple[str, ...]:
    """Stop a pod's process from running, as a deadlock would; raises StepError.

    Its ports stay open and the kernel accepts connections, but nothing answers.
    """
    stopped = _signalled(stage, pod, f"^{program}$", "STOP", told=program)
    return (f"process {stopped} ({program}) is stopped: port open, no answer",)


def freeze_part(stage: Stage, pod: Pod, words: str) -> None:
    """Stop those processes of a pod from running whose command line has these words."""
    _signalled(stage, pod, words, "STOP", told=words)


def kill_model(stage: Stage, pod: Pod, model: str) -> tuple[str, ...]:
    """Kill the process that a Triton's Python model runs in, as the kernel does when memory is out.

    Raises StepError. Triton notices nothing and starts no other.
    """
    killed = _signalled(stage, pod, f"/models/{model}/", "KILL", told=f"model {model}")
    return (f"process {killed} (model {model} of tritonserver) is killed",)


def _signalled(stage: Stage, pod: Pod, pattern: str, signal: str, *, told: str) -> str:
    # The systemd driver of control groups writes a pod's UID with underscores.
    either = f"{pod.uid}|{pod.uid.replace('-', '_')}"
    command = ["sh", "-c", SIGNAL, "sh", either, pattern, signal]
    done = subprocess.run(
        [*_on_the_node(stage.cluster), *command], capture_output=True, text=True, check=False
    )
    found = done.stdout.split()
    stage.audience.typed(f"kill -{signal} {' '.join(found)}   # on the node: {told} of {pod.name}")
    if not found:
        raise StepError(
            f"{told} of {pod.name} sent SIG{signal}. Seen instead: no such process on the node "
            f"{done.stderr.strip()}"
        )
    return ", ".join(found)


def _on_the_node(cluster: Cluster) -> Sequence[str]:
    """What comes before a command to run it on the cluster's node; kind's node is a container."""
    if cluster.provider is ProviderName.KIND:
        return ("docker", "exec", f"{kind_name(cluster.name)}-control-plane")
    return ()
