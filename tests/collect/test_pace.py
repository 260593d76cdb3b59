from __future__ import annotations

import pytest

from visop.collect.pace import Pace


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now, self.slept = 100.0, list[float]()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pace(clock: Clock) -> Pace:
    return Pace(2.0, lambda: clock.now, clock.sleep)


def test_the_first_request_to_a_host_waits_for_nothing(pace: Pace, clock: Clock) -> None:
    pace.wait("a.test")
    pace.wait("b.test")
    assert clock.slept == []


def test_the_next_request_waits_for_what_is_left(pace: Pace, clock: Clock) -> None:
    pace.wait("a.test")
    clock.now += 0.5
    pace.wait("a.test")
    assert clock.slept == [1.5]


def test_no_host_waits_for_another(pace: Pace, clock: Clock) -> None:
    pace.wait("a.test")
    pace.wait("b.test")
    clock.now += 2
    pace.wait("a.test")
    assert clock.slept == []


@pytest.mark.parametrize(("wish", "waited"), [(5.0, 5.0), (1.0, 2.0)])
def test_the_longer_of_two_wishes_holds(pace: Pace, clock: Clock, wish: float, waited: float) -> None:
    pace.wait("a.test", wish)
    pace.wait("a.test", wish)
    assert clock.slept == [waited]
