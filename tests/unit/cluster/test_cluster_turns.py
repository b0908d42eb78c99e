"""One program at a time has the machine's real node, and what is only looked at gives way."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from e2e.cluster import state, turns
from e2e.cluster.model import ProviderName, Tier
from e2e.cluster.paths import state_home
from e2e.cluster.progress import Progress
from tests.unit.cluster.test_cluster_state import make

HOLDER = """
import sys
from e2e.cluster import turns
with turns.real_node():
    print("mine", flush=True)
    sys.stdin.read()
    print("still mine", flush=True)
"""


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "XDG_STATE_HOME": str(tmp_path)}


def left(env: dict[str, str], name: str, **changes: object) -> None:
    """What is known of a cluster that a program left up."""
    known = {"name": name, "tier": Tier.NODE, "gives_way": True} | changes
    state.save(state_home(env) / name, make(**known))


def test_what_was_left_to_be_looked_at_gives_way_and_nothing_else(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    left(env, "demo")
    left(env, "mine", gives_way=False)
    left(env, "again")
    left(env, "no-node", tier=Tier.SCALE)
    left(env, "in-kind", provider=ProviderName.KIND)
    down: list[str] = []
    # Taking a node down is a matter of the whole machine, whichever folder names it.
    monkeypatch.setattr(turns.api, "down_by_name", lambda name, _env: down.append(name))
    said = io.StringIO()
    with turns.real_node(keeping="again", env=env, progress=Progress(said)):
        assert down == ["demo"]
    assert said.getvalue() == "taking down demo, which was left to be looked at\n"


def test_who_comes_second_waits_until_the_first_has_ended(env: dict[str, str]) -> None:
    first = subprocess.Popen(
        [sys.executable, "-c", HOLDER],
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert first.stdout
    assert first.stdout.readline() == "mine\n"
    second = subprocess.Popen(
        [sys.executable, "-c", HOLDER],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert second.stderr
    assert second.stderr.readline().startswith("waiting")
    first.communicate()
    out, said = second.communicate()
    assert (first.returncode, second.returncode) == (0, 0)
    assert (out, said) == ("mine\nstill mine\n", "")
