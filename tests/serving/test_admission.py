from __future__ import annotations

import threading

import pytest

from visop.errors import Overloaded
from visop.serving.admission import InputAdmission


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
