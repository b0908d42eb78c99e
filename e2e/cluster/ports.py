"""Choose ports for a cluster's components: free now, and promised to no other cluster."""

import socket
from collections.abc import Callable, Collection, Iterable, Sequence

# Below Linux's default ephemeral range (32768-60999): no outgoing connection can take one of
# these between the choice and the use.
RANGE = range(20000, 30000)


def choose(
    names: Sequence[str],
    *,
    candidates: Iterable[int],
    taken: Collection[int],
    is_free: Callable[[int], bool],
) -> dict[str, int]:
    """Give every name a port: the first candidates that are neither taken nor in use.

    Raises ValueError when the candidates do not suffice.
    """
    usable = (port for port in candidates if port not in taken and is_free(port))
    chosen = dict(zip(names, usable, strict=False))
    if len(chosen) < len(names):
        raise ValueError(f"no free port left for {names[len(chosen)]}")
    return chosen


def is_free(port: int) -> bool:
    """Whether loopback lets us listen on this port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
