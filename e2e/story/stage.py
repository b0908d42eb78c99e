"""Where scenes play: a namespace of a running cluster, acted on and watched through kubectl.

Everything is done with the commands that a person would type, so what the demo prints is what it
does. Waiting is polling with a deadline, in `eventually` alone.
"""

import json
import os
import shlex
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from e2e.cluster.model import Cluster

T = TypeVar("T")

LOOK_SECONDS = 0.5  # each look costs a kubectl process: about a tenth of a second of one core
COMMAND_SECONDS = 90.0  # a namespace takes up to 60 s to go: the grace of its last pod


class StepError(AssertionError):
    """A step did not happen; the message says what was expected and what was seen instead."""


class KubectlError(RuntimeError):
    """kubectl refused; the message is what it said."""


class Audience(Protocol):
    """Who is told what happens while it happens."""

    def typed(self, command: str) -> None:
        """A command is about to run, as a person would type it."""

    def waits(self, what: str, seen: str, elapsed: float) -> None:
        """`what` has not happened yet after `elapsed` seconds; `seen` is the case now."""


class Nobody:
    """The audience of the tests."""

    def typed(self, command: str) -> None:
        """Nothing."""

    def waits(self, what: str, seen: str, elapsed: float) -> None:
        """Nothing."""


NOBODY = Nobody()


@dataclass(frozen=True, slots=True)
class Stage:
    """A namespace of a cluster, and who watches."""

    cluster: Cluster
    namespace: str
    audience: Audience = NOBODY

    def act(self, *words: str, stdin: str = "") -> str:
        """Run kubectl in the namespace and show it; raises KubectlError."""
        self.audience.typed(command_line(self.namespace, words))
        return kubectl(self.cluster, "--namespace", self.namespace, *words, stdin=stdin)

    def look(self, *words: str) -> Any:
        """The document that `kubectl get WORDS -o json` gives; not shown. Raises KubectlError."""
        text = kubectl(self.cluster, "--namespace", self.namespace, "get", *words, "--output=json")
        return json.loads(text)

    def items(self, *words: str) -> list[Mapping[str, Any]]:
        """The objects of a list."""
        found: list[Mapping[str, Any]] = self.look(*words)["items"]
        return found

    def table(self, *words: str) -> str:
        """What `kubectl get WORDS` prints for people."""
        return kubectl(self.cluster, "--namespace", self.namespace, "get", *words).rstrip()

    def apply(self, documents: Sequence[Mapping[str, Any]], called: str = "-") -> None:
        """`kubectl apply` objects; `called` is the file that they stand in, for the audience."""
        self.audience.typed(command_line(self.namespace, ("apply", "-f", called)))
        whole = {"apiVersion": "v1", "kind": "List", "items": list(documents)}
        words = ("--namespace", self.namespace, "apply", "--filename=-")
        kubectl(self.cluster, *words, stdin=json.dumps(whole))

    def eventually(
        self,
        what: str,
        look: Callable[[], T],
        until: Callable[[T], bool],
        *,
        within: float,
        show: Callable[[T], str] = str,
    ) -> T:
        """Look again and again until it is so; returns what was seen then.

        Raises StepError after `within` seconds, with `what` was expected and the last thing seen.
        An API server that does not answer for a moment is a thing seen, not an error.
        """
        began = time.monotonic()
        while True:
            try:
                found = look()
                if until(found):
                    return found
                seen = show(found)
            except KubectlError as error:
                seen = str(error)
            elapsed = time.monotonic() - began
            if elapsed > within:
                raise StepError(f"{what}: not within {within:.0f} s. Seen instead: {seen}")
            self.audience.waits(what, seen, elapsed)
            time.sleep(LOOK_SECONDS)


def kubectl(cluster: Cluster, *words: str, stdin: str = "") -> str:
    """Run the cluster's own kubectl on the cluster, never on the user's; raises KubectlError."""
    done = subprocess.run(
        [str(cluster.kubectl), *words],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=COMMAND_SECONDS,
        env={**os.environ, "KUBECONFIG": str(cluster.kubeconfig)},
    )
    if done.returncode != 0:
        raise KubectlError(done.stderr.strip() or f"kubectl ended with {done.returncode}")
    return done.stdout


def command_line(namespace: str, words: Sequence[str]) -> str:
    """A kubectl command as a person would type it."""
    return shlex.join(("kubectl", "-n", namespace, *words))


def relative(path: Path) -> str:
    """A file of the checkout as people name it: from its root."""
    root = Path(__file__).resolve().parents[2]
    return str(path.resolve().relative_to(root))
