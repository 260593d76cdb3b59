from __future__ import annotations

from dataclasses import dataclass

from visop.serving.lanes import Lanes


@dataclass
class Waits:
    bulk: bool
    queued_at: float = 0.0


def batches(lanes: Lanes[Waits], count: int) -> list[bool]:
    """Whether bulk work came first in each of so many batches of one."""
    found = []
    for _ in range(count):
        bulk = lanes.begin()
        assert lanes.pop(bulk=bulk) is not None
        found.append(bulk)
    return found


def test_what_somebody_waits_for_comes_first() -> None:
    lanes: Lanes[Waits] = Lanes()
    lanes.extend([Waits(True, 1.0), Waits(False, 2.0)])
    assert (len(lanes), lanes.first, lanes.oldest()) == (2, 1, 1.0)
    assert batches(lanes, 2) == [False, True]


def test_bulk_work_is_never_at_a_standstill() -> None:
    lanes: Lanes[Waits] = Lanes()
    lanes.extend([Waits(False)] * 20 + [Waits(True)] * 20)
    assert batches(lanes, 8) == [False, False, False, True] * 2


def test_a_call_now_and_then_never_waits_for_a_turn_of_bulk_work() -> None:
    lanes: Lanes[Waits] = Lanes()
    lanes.extend([Waits(True)] * 20)
    for _ in range(6):
        assert batches(lanes, 2) == [True, True]
        lanes.extend([Waits(False)])
        assert batches(lanes, 1) == [False]
