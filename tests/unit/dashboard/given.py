"""What is there at one moment, as the board takes it in."""

from dataclasses import dataclass

from inferencehealth.api.policy import Policy
from inferencehealth.api.report import Report
from inferencehealth.controller.reading import Unreadable
from inferencehealth.controller.views import SilenceOf
from inferencehealth.dashboard.board import Board
from tests.unit.status.given import HEARD, SYSTEM

NOW = 1_800_000_000.0


@dataclass(frozen=True, slots=True)
class Moment:
    policies: tuple[Policy | Unreadable, ...] = ()
    reports: tuple[Report, ...] = ()
    silence_of: SilenceOf = HEARD
    notes: tuple[str, ...] = ()


def a_board(moment: Moment) -> Board:
    board = Board(SYSTEM, NOW)
    board.refresh(moment, NOW)
    return board
