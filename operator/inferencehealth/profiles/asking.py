"""One path of a server, as a kubelet's probe asks it and as the check's reader understands it.

Building blocks between the facts of a profile and its handlers and steps.
"""

from collections.abc import Callable, Mapping

from inferencehealth.checks.steps import Answer, Reading
from inferencehealth.profiles.profile import Asked, Handler, StaticFinding
from inferencehealth.profiles.reading import SERVES, unanswered, unexpected

Read = Callable[[Answer], Reading]


def http_get(asked: Asked, path: str) -> Handler:
    """A probe that takes a status from 200 to 399 for good."""
    return {"httpGet": {"path": path, "port": asked.probe_port}}


def any_answer(asked: Asked, path: str) -> Handler:
    """A probe that takes any HTTP answer for life, as curl inside the container sees it.

    A refused connection exits 7 and a hung server 28; every answer, also 401 and 503, exits 0. If
    an image had no curl, the kubelet would drop the probe's error without counting it and never
    restart: the safe side. curl's clock ends a second before the kubelet's, so that the exit code
    is curl's.
    """
    patience = str(max(1, asked.liveness_timeout - 1))
    url = f"http://127.0.0.1:{asked.port}{path}"
    return {"exec": {"command": ["curl", "-s", "-o", "/dev/null", "--max-time", patience, url]}}


def ready_in_liveness(path: str, why: str, instead: str) -> tuple[str, StaticFinding]:
    """A path of readiness that an author may have put into liveness, with what that will do."""
    finding = StaticFinding(
        id="ReadyInLiveness",
        severity="error",
        message=f"The liveness probe asks {path}, which fails {why}: a restart mends none of it.",
        remedy=f"Let liveness {instead}.",
    )
    return path, finding


def by_status(path: str, others: Mapping[int, Reading] | None = None) -> Read:
    """A reader for a path whose status tells all: 200 serves, the others mean what is given."""
    known = {200: SERVES, **(others or {})}

    def read(answer: Answer) -> Reading:
        if gap := unanswered(answer):
            return gap
        return known.get(answer.status) or unexpected(path, answer, "200")

    return read
