"""Whose turn it is with the one real node that a machine can have.

The demo leaves its cluster up to be looked at, and the tests of the next command need the node.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping

from e2e.cluster import api
from e2e.cluster import progress as progress_
from e2e.cluster.model import ProviderName, Tier
from e2e.cluster.paths import state_home
from e2e.cluster.progress import Progress
from e2e.cluster.state import State, load_all

LOCK = ".node"


@contextlib.contextmanager
def real_node(
    *,
    keeping: str | None = None,
    env: Mapping[str, str] = os.environ,
    progress: Progress | None = None,
) -> Iterator[None]:
    """Have the turn: wait, and say so, while another program has it.

    Then clusters with a node that were only left to be looked at are taken down, but for the one
    named `keeping`. The kernel ends a turn with the process that has it. Raises ClusterError.
    """
    progress = progress or progress_.to_stderr()
    home = state_home(env)
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (home / LOCK).open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.say("waiting: another program uses this machine's one real node")
            fcntl.flock(handle, fcntl.LOCK_EX)
        for state in load_all(home).values():
            if _has_node(state) and state.gives_way and state.name != keeping:
                progress.say(f"taking down {state.name}, which was left to be looked at")
                api.down_by_name(state.name, env)
        yield


def _has_node(state: State) -> bool:
    return state.tier is Tier.NODE and state.provider is ProviderName.SOURCE
