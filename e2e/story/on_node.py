"""The story on a real kubelet: real Triton and the ASR stack in pods, and what befalls them."""

from collections.abc import Callable

from e2e.story import expect, faults, seen, workloads
from e2e.story.expect import Lines
from e2e.story.scene import Scene
from e2e.story.stage import Stage, StepError

DEPLOYMENTS = {"triton": "triton", "asr": "api-server"}
"""The Deployment that each policy selects; each has a Service of its own name."""


def scenes(stage: Stage, start_operator: Callable[[], str]) -> tuple[Scene, ...]:
    """The whole story; `start_operator` returns the command that it ran."""
    return (
        Scene(
            "deploy",
            "Two servers without probes",
            "Triton with the models good and slow, and an ASR server with its workers and Redis, "
            "deployed as most manifests do it: without any probe.",
            lambda: _deploy(stage),
        ),
        Scene(
            "recommend",
            "The operator only recommends",
            "Policies in mode Recommend, the default: it looks, asks every pod, and touches "
            "nothing. The examples first, then with the models that are here and short times.",
            lambda: _recommend(stage, start_operator),
        ),
        Scene(
            "apply",
            "Probes that fit, injected",
            "Mode Apply: the probes go into the running Deployments, one rollout at a time. "
            "New pods load under a startup probe, then are Ready.",
            lambda: _apply(stage),
        ),
        Scene(
            "break-model",
            "A model fails to load",
            "A new release requires a third model, and it runs out of GPU memory. The pod leaves "
            "traffic; a restart would not mend it, so there is none.",
            lambda: _break_model(stage),
        ),
        Scene(
            "mend-model",
            "The model is mended",
            "A version that works is put in its place and loaded.",
            lambda: _mend_model(stage),
        ),
        Scene(
            "stop-redis",
            "Redis is gone",
            "The ASR server needs Redis. Its pod leaves traffic, the status names the component, "
            "and nobody restarts a server that a restart can't mend (strategy Process).",
            lambda: _stop_redis(stage),
        ),
        Scene(
            "start-redis",
            "Redis is back",
            "Nothing else has to be done.",
            lambda: _start_redis(stage),
        ),
        Scene(
            "kill-model",
            "What a green endpoint hides",
            "The process in which Triton runs a model is killed, as the kernel does when memory is "
            "out. Live, ready, the model's ready and the index stay green for good, so no probe "
            "can notice. The smallest real request, which the operator sends by itself, does.",
            lambda: _kill_model(stage),
        ),
        Scene(
            "reload-model",
            "The model gets a new process",
            "What the message advises: a reload through the repository API; no restart of the pod.",
            lambda: _reload_model(stage),
        ),
        Scene(
            "hang",
            "A process hangs",
            "Triton's process is stopped, as a deadlock would: this is what a restart is for. "
            "The kubelet does it, by the liveness probe that was injected.",
            lambda: _hang(stage),
        ),
        Scene(
            "mend-again",
            "Ready for the kubelet, but not for us",
            "The model had been mended and loaded by hand, so the restart lost it: Triton is live "
            "and ready, the kubelet sends traffic, and requests for that model fail.",
            lambda: _mend_again(stage),
        ),
    )


def _deploy(stage: Stage) -> Lines:
    for server in DEPLOYMENTS:
        workloads.deploy(stage, server)
    for deployment in DEPLOYMENTS.values():
        expect.rolled_out(stage, deployment)
    bare = [line for each in DEPLOYMENTS.values() for line in expect.without_probes(stage, each)]
    return (
        *stage.table("deployments").splitlines(),
        *bare,
        "Kubernetes calls every pod ready, but Triton has not even opened its port:",
        *expect.refuses_connections(stage, "triton", "http://localhost:8000/v2/health/live"),
    )


def _recommend(stage: Stage, start_operator: Callable[[], str]) -> Lines:
    generations = {name: seen.rollout(stage, name).generation for name in DEPLOYMENTS.values()}
    stage.audience.typed(start_operator())
    for policy in DEPLOYMENTS:
        workloads.apply_policy(stage, workloads.EXAMPLES / f"{policy}.yaml")
    lines: list[str] = []
    for deployment, generation in generations.items():
        lines += expect.recommended(stage, deployment, generation=generation)
    for policy in DEPLOYMENTS:
        workloads.apply_policy(stage, workloads.POLICIES / f"{policy}.yaml")
    for policy in DEPLOYMENTS:
        expect.ready(stage, policy)
    return (*stage.table("ihp").splitlines(), *stage.table("ihr").splitlines(), *lines)


def _apply(stage: Stage) -> Lines:
    lines: list[str] = []
    for policy, deployment in DEPLOYMENTS.items():
        workloads.set_mode(stage, policy, "Apply")
        lines += (f"deployment/{deployment}", *expect.injected(stage, deployment))
    loading = expect.loading(stage, "triton")
    for policy, deployment in DEPLOYMENTS.items():
        pod = expect.rolled_out(stage, deployment)
        expect.in_traffic(stage, deployment, pod)
        expect.ready(stage, policy)
    return (*lines, "while it loads:", *loading, "then:", *stage.table("ihp").splitlines())


def _break_model(stage: Stage) -> Lines:
    before = expect.rolled_out(stage, "triton")
    workloads.require_models(stage, "triton", ["good", "slow", "broken"])
    faults.load_model(stage, "broken")
    told = expect.broken(stage, "triton", reason="ModelLoadFailed", words="CUDA OOM")
    return (*told, *expect.out_of_traffic(stage, "triton", before))


def _mend_model(stage: Stage) -> Lines:
    before = expect.running(stage, "triton")[0]
    faults.mend_model(stage, "broken")
    told = expect.ready(stage, "triton")
    traffic = expect.in_traffic(stage, "triton", before)
    return (*told, *traffic, *expect.not_restarted(stage, before))


def _stop_redis(stage: Stage) -> Lines:
    before = expect.rolled_out(stage, "api-server")
    faults.scale(stage, "redis", 0)
    told = expect.broken(stage, "asr", reason="ComponentDown", words="redis")
    return (*told, *expect.out_of_traffic(stage, "api-server", before))


def _start_redis(stage: Stage) -> Lines:
    before = expect.running(stage, "api-server")[0]
    faults.scale(stage, "redis", 1)
    told = expect.ready(stage, "asr")
    traffic = expect.in_traffic(stage, "api-server", before)
    return (*told, *traffic, *expect.not_restarted(stage, before))


def _kill_model(stage: Stage) -> Lines:
    before = expect.rolled_out(stage, "triton")
    killed = faults.kill_model(stage, before, "good")
    green = seen.endpoints(stage, "triton", "good")
    told = expect.broken(stage, "triton", reason="CanaryFailed", words="good")
    still = seen.endpoints(stage, "triton", "good")
    if any(status != "200" for status in (*green.values(), *still.values())):
        raise StepError(f"every endpoint green. Seen instead: {green}, then {still}")
    lines = tuple(f"GET {path}: {status}" for path, status in still.items())
    return (*killed, *lines, *told, *stage.table("ihp").splitlines())


def _reload_model(stage: Stage) -> Lines:
    before = expect.running(stage, "triton")[0]
    faults.reload_model(stage, "good")
    return (*expect.ready(stage, "triton"), *expect.not_restarted(stage, before))


def _hang(stage: Stage) -> Lines:
    before = expect.rolled_out(stage, "triton")
    expect.rollout_over(stage, "triton")
    frozen = faults.freeze(stage, before, "tritonserver")
    told = expect.broken(stage, "triton", reason="NoAnswer", words="")
    kubelet = expect.restarted(stage, before)
    return (*frozen, *told, *kubelet, *expect.in_traffic(stage, "triton", before))


def _mend_again(stage: Stage) -> Lines:
    told = expect.broken(stage, "triton", reason="ModelNotLoaded", words="--load-model=broken")
    faults.mend_model(stage, "broken")
    return (*told, "then:", *expect.ready(stage, "triton"))
