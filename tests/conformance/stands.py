"""Each server of the fault matrix: how it starts, and how every fault that it can have is done.

A new server is one Stand. What a server has no such thing as is left out.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

from e2e.servers.crowd import crowd
from e2e.servers.kserve import process as kserve
from e2e.servers.llamacpp import process as llamacpp
from e2e.servers.llamacpp.gguf import TINY, Shape
from e2e.servers.mlserver import process as mlserver
from e2e.servers.ollama import process as ollama
from e2e.servers.processes import RunningServer, free_ports
from e2e.servers.triton import process as triton
from e2e.servers.triton.repository import write_ensemble, write_working
from e2e.servers.vllm import process as vllm
from tests.conformance.faults import CLIENTS, Fault

GOOD: Final = "good"
LOADS: Final = "4"
"""Seconds of a load where a server can be told how long: some rounds."""
MORE_THAN_SLOTS: Final = 6
_LARGE = Shape(width=1024, hidden=4096, layers=16, heads=16, vocabulary=32_000)
"""1.3 GB, whose reading takes a second or more."""

Doing = Callable[[RunningServer], AbstractContextManager[None]]


class Start(Protocol):
    """Starts a server in a folder of its own, on these ports; `long`: with a load of some time."""

    def __call__(self, folder: Path, ports: Mapping[str, int], *, long: bool) -> RunningServer:
        """Return when the process runs, which is before it serves."""


@dataclass(frozen=True, slots=True)
class Stand:
    """One server.

    `served` is called when it serves for the first time. `faults` last as long as their
    `with` block; after the `fatal` ones it has to be started anew. `path` is what people give the
    kubelet to ask, and `container` what its plan is made of.
    """

    profile: str
    path: str
    container: Mapping[str, Any]
    start: Start
    faults: Mapping[Fault, Doing]
    fatal: Mapping[Fault, Callable[[RunningServer], None]] = field(default_factory=dict)
    served: Callable[[RunningServer], None] = lambda _server: None
    required: str = GOOD
    metrics: bool = False
    """Whether its counters have a port of their own."""


@contextmanager
def _frozen(server: RunningServer) -> Iterator[None]:
    server.freeze()
    try:
        yield
    finally:
        server.thaw()


@contextmanager
def _between(
    begin: Callable[[RunningServer], None],
    end: Callable[[RunningServer], None],
    server: RunningServer,
) -> Iterator[None]:
    begin(server)
    try:
        yield
    finally:
        end(server)


@contextmanager
def _together(first: Doing, second: Doing, server: RunningServer) -> Iterator[None]:
    """The second fault while the first lasts."""
    with ExitStack() as both:
        both.enter_context(first(server))
        both.enter_context(second(server))
        yield


def _vllm(folder: Path, ports: Mapping[str, int], *, long: bool) -> RunningServer:
    return vllm.start(folder, port=ports["http"], wait=False)


_VLLM_FROZEN = partial(_between, vllm.freeze_engine, vllm.thaw_engine)
VLLM = Stand(
    profile="vllm",
    path="/health",
    container={"image": "vllm/vllm-openai:v0.20.2", "args": ["m"]},
    start=_vllm,
    faults={
        Fault.SLOTS_BUSY: partial(vllm.load, clients=128 + MORE_THAN_SLOTS),
        Fault.CROWD: partial(vllm.load, clients=CLIENTS),
        Fault.ASLEEP: partial(_between, vllm.sleep, vllm.wake),
        Fault.PART_FROZEN: _VLLM_FROZEN,
        Fault.PART_FROZEN_LOADED: partial(
            _together, partial(vllm.load, clients=MORE_THAN_SLOTS), _VLLM_FROZEN
        ),
        Fault.PROCESS_FROZEN: _frozen,
    },
    fatal={Fault.PART_KILLED: vllm.kill_engine},
)


def _ollama(folder: Path, ports: Mapping[str, int], *, long: bool) -> RunningServer:
    models = ollama.write_models(folder / "models", GOOD)
    return ollama.start(folder / "server", models, port=ports["http"], wait=False)


_OLLAMA_FROZEN = partial(_between, ollama.freeze_runner, ollama.thaw_runner)


@contextmanager
def _runner_killed(server: RunningServer) -> Iterator[None]:
    # It replaces a runner that was frozen at its own time, and serves without any until asked.
    ollama.load_model(server, model=GOOD)
    ollama.kill_runner(server)
    yield


OLLAMA = Stand(
    profile="ollama",
    path="/",
    container={"image": "ollama/ollama:0.17.4"},
    start=_ollama,
    served=partial(ollama.load_model, model=GOOD),
    faults={
        Fault.SLOTS_BUSY: partial(ollama.load, clients=MORE_THAN_SLOTS),
        Fault.CROWD: partial(ollama.load, clients=CLIENTS),
        Fault.ASLEEP: partial(
            _between,
            partial(ollama.unload_model, model=GOOD),
            partial(ollama.load_model, model=GOOD),
        ),
        Fault.PART_FROZEN: _OLLAMA_FROZEN,
        Fault.PART_FROZEN_LOADED: partial(
            _together, partial(ollama.load, clients=MORE_THAN_SLOTS), _OLLAMA_FROZEN
        ),
        Fault.PART_KILLED: _runner_killed,
        Fault.PROCESS_FROZEN: _frozen,
    },
)


_ROOM: Final = ("--threads-http", "512")
"""Each waiting request holds one of so many and 1,024 threads. By default there are six and 1,024,
and /health waits in line behind the crowd: from outside that is a hung server."""


def _llamacpp(folder: Path, ports: Mapping[str, int], *, long: bool) -> RunningServer:
    shape = _LARGE if long else TINY
    return llamacpp.start(folder, port=ports["http"], shape=shape, args=_ROOM, wait=False)


LLAMACPP = Stand(
    profile="llamacpp",
    path="/health",
    container={"image": "ghcr.io/ggml-org/llama.cpp:server"},
    start=_llamacpp,
    faults={
        Fault.SLOTS_BUSY: partial(llamacpp.load, clients=MORE_THAN_SLOTS),
        Fault.CROWD: partial(llamacpp.load, clients=CLIENTS),
        Fault.PROCESS_FROZEN: _frozen,
    },
)


_INFER: Final = f"/v2/models/{GOOD}/infer"
_CHAIN: Final = "chain"


def _asked(seconds: float) -> dict[str, Any]:
    """An inference that Triton's model works on for so long."""
    tensor = {"name": "IN", "shape": [2], "datatype": "FP32", "data": [seconds, 1]}
    return {"inputs": [tensor]}


def _infer(server: RunningServer, clients: int, seconds: float) -> AbstractContextManager[None]:
    return crowd(server, _INFER, _asked(seconds), clients=clients)


def _triton(
    folder: Path, ports: Mapping[str, int], *, long: bool, kind: str = GOOD
) -> RunningServer:
    repository = folder / "repository"
    write_working(repository, GOOD)
    if kind == _CHAIN:
        write_ensemble(repository, _CHAIN, of=GOOD)
    (grpc,) = free_ports(1)
    three = (ports["http"], grpc, ports["metrics"])
    slow = {"SLOW_SECONDS": LOADS if long else "0"}
    load = list(dict.fromkeys((GOOD, kind)))
    return triton.start(repository, load=load, ports=three, env=slow, wait=False)


_TRITON_BUSY = partial(_infer, clients=MORE_THAN_SLOTS, seconds=0.5)


def _frozen_loaded(server: RunningServer) -> None:
    with _TRITON_BUSY(server):
        triton.freeze_model(server, GOOD)


TRITON = Stand(
    profile="triton",
    path="/v2/health/ready",
    container={"image": "nvcr.io/nvidia/tritonserver:24.10-py3"},
    start=_triton,
    metrics=True,
    faults={
        Fault.SLOTS_BUSY: _TRITON_BUSY,
        Fault.CROWD: partial(_infer, clients=CLIENTS, seconds=0),
        Fault.PROCESS_FROZEN: _frozen,
    },
    fatal={
        Fault.PART_FROZEN: partial(triton.freeze_model, model=GOOD),
        Fault.PART_FROZEN_LOADED: _frozen_loaded,
        Fault.PART_KILLED: partial(triton.kill_model, model=GOOD),
    },
)
CHAIN = Stand(
    profile="triton",
    path=f"/v2/models/{_CHAIN}/ready",
    container=TRITON.container,
    start=partial(_triton, kind=_CHAIN),
    metrics=True,
    faults={},
    fatal={Fault.CHAIN_CUT: partial(triton.kill_model, model=GOOD)},
    required=_CHAIN,
)


def _mlserver(folder: Path, ports: Mapping[str, int], *, long: bool) -> RunningServer:
    slow = {"SLOW_SECONDS": LOADS} if long else {}
    env = {**slow, "PREDICT_SECONDS": "0.2"}
    return mlserver.start(folder, port=ports["http"], env=env, wait=False)


def _kserve(folder: Path, ports: Mapping[str, int], *, long: bool) -> RunningServer:
    slow = {"SLOW_SECONDS": LOADS} if long else {}
    env = {**slow, "PREDICT_SECONDS": "0.2"}
    return kserve.start(folder, port=ports["http"], env=env, wait=False)


_ONE_LOOP: Mapping[Fault, Doing] = {
    # Their models compute in the loop that also answers probes, so one client fills them.
    Fault.SLOTS_BUSY: partial(_infer, clients=1, seconds=0),
    Fault.PROCESS_FROZEN: _frozen,
}
MLSERVER = Stand(
    profile="mlserver",
    path="/v2/health/ready",
    container={"image": "seldonio/mlserver:1.7.1"},
    start=_mlserver,
    faults=_ONE_LOOP,
)
KSERVE = Stand(
    profile="kserve",
    path="/v2/health/ready",
    container={"image": "kserve/sklearnserver:v0.21.0"},
    start=_kserve,
    faults=_ONE_LOOP,
)

STANDS: Final[Mapping[str, Stand]] = {
    "vllm": VLLM,
    "ollama": OLLAMA,
    "llamacpp": LLAMACPP,
    "triton": TRITON,
    "triton-ensemble": CHAIN,
    "mlserver": MLSERVER,
    "kserve": KSERVE,
}
