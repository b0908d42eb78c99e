"""The story without a kubelet: fake pods on loopback, and real servers as processes behind them."""

from collections.abc import Callable, Mapping

from e2e.loopback import servers as processes
from e2e.loopback.servers import Servers
from e2e.story import expect, seen, workloads
from e2e.story.expect import Lines
from e2e.story.on_node import DEPLOYMENTS
from e2e.story.scene import Scene


def scenes(servers: Servers, start_operator: Callable[[], str]) -> tuple[Scene, ...]:
    """The story as far as it can be told without a kubelet, and without Redis where it is not."""
    every = _scenes(servers, start_operator)
    return tuple(scene for scene in every if servers.has_redis or "redis" not in scene.name)


def _scenes(servers: Servers, start_operator: Callable[[], str]) -> tuple[Scene, ...]:
    return (
        Scene(
            "deploy",
            "Servers without probes",
            "Triton with the models good and slow, and (where redis-server is installed) an ASR "
            "server with its workers and Redis, as processes at the addresses of their pods.",
            lambda: _deploy(servers),
        ),
        Scene(
            "recommend",
            "The operator only recommends",
            "Policies in mode Recommend, the default: it looks, asks every pod, and touches "
            "nothing. The examples first, then with the models that are here and short times.",
            lambda: _recommend(servers, start_operator),
        ),
        Scene(
            "apply",
            "Probes that fit, injected",
            "Mode Apply: the probes go into the running Deployments, which replaces their pods.",
            lambda: _apply(servers),
        ),
        Scene(
            "break-model",
            "A model fails to load",
            "A new release requires a third model, and it runs out of GPU memory.",
            lambda: _break_model(servers),
        ),
        Scene(
            "mend-model",
            "The model is mended",
            "A version that works is put in its place and loaded.",
            lambda: _mend_model(servers),
        ),
        Scene(
            "stop-redis",
            "Redis is gone",
            "The ASR server needs Redis; the status names the component.",
            lambda: _stop_redis(servers),
        ),
        Scene(
            "start-redis",
            "Redis is back",
            "Nothing else has to be done.",
            lambda: _start_redis(servers),
        ),
        Scene(
            "hang",
            "A process hangs",
            "Triton's process is stopped, as a deadlock would. With a kubelet the injected "
            "liveness probe would restart it; here it is let go again.",
            lambda: _hang(servers),
        ),
    )


def _deploy(servers: Servers) -> Lines:
    stage = servers.stage
    for server in _deployments(servers):
        workloads.deploy(stage, server)
    lines = []
    for deployment in _deployments(servers).values():
        pod = processes.follow(servers, deployment)
        lines.append(f"{pod.name} has the address {pod.ip}, where a real server starts now")
        lines += expect.without_probes(stage, deployment)
    return (*stage.table("deployments").splitlines(), *lines)


def _recommend(servers: Servers, start_operator: Callable[[], str]) -> Lines:
    stage = servers.stage
    deployments = _deployments(servers)
    generations = {name: seen.rollout(stage, name).generation for name in deployments.values()}
    stage.audience.typed(start_operator())
    for policy in deployments:
        workloads.apply_policy(stage, workloads.EXAMPLES / f"{policy}.yaml")
    lines: list[str] = []
    for deployment, generation in generations.items():
        lines += expect.recommended(stage, deployment, generation=generation)
    for policy in deployments:
        workloads.apply_policy(stage, workloads.POLICIES / f"{policy}.yaml")
    for policy in deployments:
        expect.ready(stage, policy)
    return (*stage.table("ihp").splitlines(), *lines)


def _apply(servers: Servers) -> Lines:
    stage = servers.stage
    lines: list[str] = []
    for policy, deployment in _deployments(servers).items():
        workloads.set_mode(stage, policy, "Apply")
        lines += (f"deployment/{deployment}", *expect.injected(stage, deployment))
        expect.rolled_out(stage, deployment)
        processes.follow(servers, deployment)
    loading = expect.loading(stage, "triton")
    for policy in _deployments(servers):
        expect.ready(stage, policy)
    return (*lines, "while it loads:", *loading, "then:", *stage.table("ihp").splitlines())


def _break_model(servers: Servers) -> Lines:
    pod = processes.follow(servers, "triton")
    workloads.require_models(servers.stage, "triton", ["good", "slow", "broken"])
    processes.load_model(servers, pod, "broken")
    return expect.broken(servers.stage, "triton", reason="ModelLoadFailed", words="CUDA OOM")


def _mend_model(servers: Servers) -> Lines:
    pod = processes.follow(servers, "triton")
    processes.mend_model(servers, pod, "broken")
    return expect.ready(servers.stage, "triton")


def _stop_redis(servers: Servers) -> Lines:
    processes.stop_redis(servers)
    return expect.broken(servers.stage, "asr", reason="ComponentDown", words="redis")


def _start_redis(servers: Servers) -> Lines:
    processes.start_redis(servers)
    return expect.ready(servers.stage, "asr")


def _hang(servers: Servers) -> Lines:
    pod = processes.follow(servers, "triton")
    with processes.frozen(servers, pod):
        told = expect.broken(servers.stage, "triton", reason="NoAnswer", words="")
    return (*told, "then:", *expect.ready(servers.stage, "triton"))


def _deployments(servers: Servers) -> Mapping[str, str]:
    """By policy, those whose servers can run here."""
    return {
        policy: deployment
        for policy, deployment in DEPLOYMENTS.items()
        if policy == "triton" or servers.has_redis
    }
