"""What goes wrong, and how it is mended: done to servers in pods of a real node."""

import subprocess
from collections.abc import Sequence

from e2e.cluster.model import Cluster, ProviderName
from e2e.cluster.providers.kind import kind_name
from e2e.story.seen import Pod
from e2e.story.stage import Stage, StepError

# Finds the processes of one pod by its control group, by name, and stops them with SIGSTOP. A
# signal from inside would not do: the kernel ignores it for the first process of a container.
FREEZE = """
for process in /proc/[0-9]*; do
  if [ "$(cat $process/comm 2>/dev/null)" = "$2" ] && grep -qE "$1" $process/cgroup; then
    kill -STOP "${process#/proc/}" && echo "${process#/proc/}"
  fi
done
"""


def load_model(stage: Stage, model: str) -> None:
    """Ask Triton to load a model of its repository, as a release pipeline would."""
    url = f"http://localhost:8000/v2/repository/models/{model}/load"
    stage.act("exec", "deployment/triton", "--", "curl", "-s", "-X", "POST", url)


def mend_model(stage: Stage, model: str) -> None:
    """Put a version that works in the model's place, and load it."""
    files = ("/models/good/1/model.py", f"/models/{model}/1/model.py")
    stage.act("exec", "deployment/triton", "--", "cp", *files)
    load_model(stage, model)


def scale(stage: Stage, deployment: str, replicas: int) -> None:
    """Stop a Deployment's pods, or bring them back."""
    stage.act("scale", f"deployment/{deployment}", f"--replicas={replicas}")


def freeze(stage: Stage, pod: Pod, program: str) -> tuple[str, ...]:
    """Stop a pod's process from running, as a deadlock would; raises StepError.

    Its ports stay open and the kernel accepts connections, but nothing answers.
    """
    # The systemd driver of control groups writes a pod's UID with underscores.
    either = f"{pod.uid}|{pod.uid.replace('-', '_')}"
    command = ["sh", "-c", FREEZE, "sh", either, program]
    done = subprocess.run(
        [*_on_the_node(stage.cluster), *command], capture_output=True, text=True, check=False
    )
    stopped = done.stdout.split()
    stage.audience.typed(f"kill -STOP {' '.join(stopped)}   # on the node: {program} of {pod.name}")
    if not stopped:
        raise StepError(
            f"process {program} of {pod.name} stopped. Seen instead: no such process on the node "
            f"{done.stderr.strip()}"
        )
    return (f"process {', '.join(stopped)} ({program}) is stopped: port open, no answer",)


def _on_the_node(cluster: Cluster) -> Sequence[str]:
    """What comes before a command to run it on the cluster's node; kind's node is a container."""
    if cluster.provider is ProviderName.KIND:
        return ("docker", "exec", f"{kind_name(cluster.name)}-control-plane")
    return ()
