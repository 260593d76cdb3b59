from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from visop.errors import Overloaded, ShuttingDown
from visop.serving.admission import CallAdmission, InputAdmission


def test_while_draining_a_late_call_is_served_and_once_all_are_answered_none_is() -> None:
    calls, ends = CallAdmission(4), list[Callable[[], None]]()

    def at_end(end: Callable[[], None]) -> bool:
        ends.append(end)
        return True

    with calls.entered(at_end=at_end):
        calls.drain()
        with pytest.raises(ShuttingDown):
            calls.check()
        with calls.entered(late=True):
            assert calls.accepted == 2
    assert calls.accepted == 0
    assert not calls.wait_answered(0.01)  # the answer of the first is not sent yet
    ends[0]()
    assert calls.wait_answered(5)
    with pytest.raises(ShuttingDown):
        calls.check(late=True)


def test_a_request_that_is_being_received_is_waited_for() -> None:
    calls = CallAdmission(1)
    with calls.received():
        calls.drain()
        assert not calls.wait_answered(0.01)
        with calls.entered(late=True):
            pass
    assert calls.wait_answered(0)
    with pytest.raises(ShuttingDown), calls.received():
        pass


def test_what_does_not_fit_is_refused_as_a_whole() -> None:
    admission = InputAdmission(4)
    admission.enter(3)
    with pytest.raises(Overloaded, match="3 inputs are being served, the limit is 4"):
        admission.enter(2)
    admission.enter(1)
    assert admission.inside == 4


def test_a_patient_caller_gets_the_room_that_another_leaves() -> None:
    admission = InputAdmission(1)
    admission.enter(1)
    threading.Timer(0.02, admission.leave).start()
    admission.enter(1, timeout_s=5)
    assert admission.inside == 1


def test_patience_ends() -> None:
    admission = InputAdmission(1)
    admission.enter(1)
    with pytest.raises(Overloaded):
        admission.enter(1, timeout_s=0.01)


def test_what_is_not_wanted_any_more_stops_waiting_for_room() -> None:
    admission, wanted = InputAdmission(1), threading.Event()
    admission.enter(1)
    wanted.set()

    def give_up() -> None:
        wanted.clear()
        admission.end_waits()

    threading.Timer(0.02, give_up).start()
    with pytest.raises(ShuttingDown):
        admission.enter(1, timeout_s=60, is_wanted=wanted.is_set)
    assert admission.inside == 1


def test_bulk_work_leaves_a_quarter_to_calls_also_of_its_own_peer() -> None:
    admission = InputAdmission(16)
    for _ in range(3):
        admission.enter(4, peer="one" if not admission.inside else f"other {admission.inside}", bulk=True)
    with pytest.raises(Overloaded, match=r"12 inputs are being served, the limit is 16 .* 4 are left to calls"):
        admission.enter(1, peer="new", bulk=True)
    for _ in range(4):
        admission.enter(1, peer="one")
    with pytest.raises(Overloaded, match=r"16 inputs are being served, the limit is 16 \(OP_MAX_QUEUE\)$"):
        admission.enter(1, peer="one")
    admission.leave("one", 4, bulk=True)
    admission.enter(1, peer="new", bulk=True)
    assert admission.inside == 13


def test_a_request_of_a_stream_that_takes_the_whole_queue_leaves_room_to_calls_all_the_same() -> None:
    admission = InputAdmission(8)
    admission.enter(8, peer="one", bulk=True)
    admission.enter(2, peer="one")
    with pytest.raises(Overloaded):
        admission.enter(1, peer="one")
    with pytest.raises(Overloaded):
        admission.enter(1, bulk=True)
    admission.leave("one", 8, bulk=True)
    admission.enter(6, peer="two")


def test_streams_leave_a_quarter_of_the_places_to_single_calls() -> None:
    calls = CallAdmission(8)
    for number in range(6):
        calls.take(f"peer {number}", stream=True)
    with pytest.raises(Overloaded, match="6 streams are being served, and the other 2 places are left to single calls"):
        calls.take("another", stream=True)
    calls.take("peer 0")
    calls.take("peer 0")
    calls.leave("peer 0", stream=True)
    calls.take("another", stream=True)
    assert calls.accepted == 8
