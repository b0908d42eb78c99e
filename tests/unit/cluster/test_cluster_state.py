"""What is remembered about a cluster, and the processes it is remembered by."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.cluster import processes, state
from e2e.cluster.fixture import serves
from e2e.cluster.model import ClusterError, ProviderName, Tier
from e2e.cluster.processes import ProcessId
from e2e.cluster.state import State

GONE = ProcessId(pid=2**22 + 1, started=1)  # above the kernel's greatest process id


def us() -> ProcessId:
    found = processes.identify(os.getpid())
    assert found
    return found


def make(**changes: object) -> State:
    base = State(
        name="a",
        tier=Tier.INTEGRATION,
        provider=ProviderName.SOURCE,
        phase="up",
        starter=GONE,
        ports={"etcd": 20001},
    )
    return base.model_copy(update=changes)


def test_a_state_is_read_as_it_was_written(tmp_path: Path) -> None:
    state.save(tmp_path / "a", make(owner=us()))
    assert state.load_all(tmp_path) == {tmp_path / "a": make(owner=us())}


def test_a_folder_without_a_state_is_no_cluster(tmp_path: Path) -> None:
    assert state.load(tmp_path) is None


def test_a_state_of_another_version_is_named(tmp_path: Path) -> None:
    (tmp_path / state.FILE).write_text('{"name": 3}')
    with pytest.raises(ClusterError, match=str(tmp_path)):
        state.load(tmp_path)


@pytest.mark.parametrize(
    ("changes", "abandoned"),
    [
        ({"phase": "up", "starter": GONE}, False),
        ({"phase": "starting", "starter": GONE}, True),
        ({"phase": "starting", "starter": None}, False),
        ({"phase": "up", "owner": GONE}, True),
        ({"phase": "up", "owner": None}, False),
    ],
)
def test_a_cluster_is_abandoned_when_its_starter_or_owner_has_died(
    changes: dict[str, object], abandoned: bool
) -> None:
    if "starter" in changes and changes["starter"] is None:
        changes = changes | {"starter": us()}
    assert state.is_abandoned(make(**changes)) is abandoned


def test_a_discarded_cluster_leaves_no_folder(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    state.save(folder, make())
    (folder / "logs").mkdir()
    (folder / "logs" / "etcd.log").write_text("x")
    state.discard(folder)
    state.discard(folder)
    assert list(tmp_path.iterdir()) == []


def test_a_process_is_known_by_its_start_and_not_only_by_its_id() -> None:
    assert processes.is_alive(us())
    assert not processes.is_alive(us().model_copy(update={"started": 1}))


@pytest.mark.parametrize(
    ("stat", "expected"),
    [
        ("7 (a) b) S " + " ".join(map(str, range(4, 53))), ProcessId(pid=7, started=22)),
        ("7 (dead) Z " + " ".join(map(str, range(4, 53))), None),
    ],
)
def test_a_process_status_is_read_even_if_its_name_has_brackets(
    stat: str, expected: ProcessId | None
) -> None:
    assert processes.parse_stat(7, stat) == expected


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[ProcessId]:
    process = processes.spawn(
        [sys.executable, "-c", "import signal; print('up', flush=True); signal.pause()"],
        log=tmp_path / "log",
        record=tmp_path / "sleeper.json",
        state_dir=tmp_path,
    )
    yield process
    processes.kill([process])


def test_a_process_is_found_by_its_record_and_by_its_environment(
    sleeper: ProcessId, tmp_path: Path
) -> None:
    assert processes.recorded(tmp_path) == {"sleeper": sleeper}
    (tmp_path / "sleeper.json").write_text('{"pid"')
    assert processes.recorded(tmp_path) == {}
    assert processes.marked(tmp_path) == [sleeper]


def test_a_killed_process_is_gone_and_killing_it_again_is_no_error(
    sleeper: ProcessId, tmp_path: Path
) -> None:
    assert processes.kill([sleeper]) == []
    assert processes.kill([sleeper]) == []
    assert processes.marked(tmp_path) == []


def test_a_process_with_a_recycled_id_is_left_alone() -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        known = processes.identify(other.pid)
        assert known
        processes.kill([known.model_copy(update={"started": known.started - 1})])
        assert other.poll() is None
        other.kill()


def test_no_setting_of_the_user_reaches_a_cluster(tmp_path: Path) -> None:
    user = {"PATH": "/bin", "HOME": "/h", "KUBECONFIG": "/mine", "HTTPS_PROXY": "http://proxy"}
    assert processes.environment(user, tmp_path).keys() == {"PATH", "HOME", processes.MARKER}


@pytest.mark.parametrize(
    ("has", "wanted", "can"),
    [
        (Tier.NODE, Tier.NODE, True),
        (Tier.NODE, Tier.INTEGRATION, True),
        (Tier.SCALE, Tier.INTEGRATION, True),
        (Tier.INTEGRATION, Tier.NODE, False),
        (Tier.SCALE, Tier.NODE, False),
    ],
)
def test_a_greater_tier_serves_tests_that_need_no_nodes(has: Tier, wanted: Tier, can: bool) -> None:
    assert serves(has, wanted) is can
