"""The page of what green endpoints hide says what its run saw."""

from pathlib import Path

import pytest

from tests.conformance import page, recorded
from tests.conformance.faults import Cell, Fault
from tests.conformance.test_fault_matrix import GONE, MENDED_BY_A_RESTART

FROZEN = Cell(
    verdict="Broken",
    reason="CanaryTimedOut",
    message="the canary gets no answer",
    verdicts=("Broken",),
    seconds=12.4,
    canaries=2,
    health=200,
    usual=False,
    liveness=False,
)


def test_what_was_written_down_reads_back(tmp_path: Path) -> None:
    recorded.write(tmp_path, "vllm", {Fault.PART_FROZEN: FROZEN})
    assert recorded.read(tmp_path) == {"vllm": {Fault.PART_FROZEN: FROZEN}}


def test_a_server_that_the_last_run_could_not_start_keeps_what_was_seen_of_it(
    tmp_path: Path,
) -> None:
    last, kept = tmp_path / "last", tmp_path / "kept"
    recorded.write(kept, "vllm", {Fault.PART_FROZEN: FROZEN})
    recorded.write(last, "ollama", {Fault.PART_FROZEN: FROZEN})
    assert recorded.keep(last, kept) == ("ollama",)
    assert set(recorded.read(kept)) == {"vllm", "ollama"}


def test_what_a_green_endpoint_hides_is_bold() -> None:
    shown = page.page({"vllm": {Fault.PART_FROZEN: FROZEN}})
    expected = "| **engine frozen while idle** | 200 | passes | Broken: CanaryTimedOut | 12 s |\n"
    assert expected in shown


@pytest.mark.parametrize("server", recorded.read(recorded.CHECKED_IN))
def test_in_the_run_that_is_told_of_only_a_hung_process_is_restarted(server: str) -> None:
    walk = recorded.read(recorded.CHECKED_IN)[server]
    there = {fault: cell for fault, cell in walk.items() if (server, fault) not in GONE}
    restarted = {fault for fault, cell in there.items() if cell.liveness}
    assert restarted == MENDED_BY_A_RESTART & there.keys()
