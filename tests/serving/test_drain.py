from __future__ import annotations

import threading
import time

import pytest

from visop.errors import ShuttingDown
from visop.serving.admission import CallAdmission
from visop.serving.drain import drain


def test_accepted_calls_are_waited_for_and_new_ones_are_refused() -> None:
    calls, streams_ended = CallAdmission(2), threading.Event()
    with calls.entered():
        draining = threading.Thread(target=drain, args=(calls, streams_ended.set, pytest.fail, 60))
        draining.start()
        assert streams_ended.wait(10)
        with pytest.raises(ShuttingDown):
            calls.check()
        assert draining.is_alive()
    draining.join(10)
    assert not draining.is_alive()


def test_a_call_that_does_not_end_is_waited_for_no_longer_than_the_time_limit() -> None:
    calls = CallAdmission(1)
    with calls.entered():
        sent_away: list[float] = []
        drain(calls, lambda: None, lambda: sent_away.append(time.monotonic()), timeout_s=0.1)
        assert calls.accepted == 1
        assert 0.03 < time.monotonic() - sent_away[0] < 5  # half of the time was left
