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
