import time

import pytest

from visop.client.backoff import Backoff
from visop.errors import (
    DeadlinePassed,
    FetchUnavailable,
    InvalidInput,
    ModelFailed,
    Overloaded,
    Unreachable,
    VisopError,
)

GONE = Unreachable("gone")


def in_a_minute() -> float:
    return time.monotonic() + 60


def test_waits_double_up_to_a_limit_and_vary():
    backoff = Backoff(first_s=0.1, longest_s=1.0)
    waits = {failures: [backoff.wait_s(GONE, failures) for _ in range(100)] for failures in (1, 2, 3, 10, 10_000)}
    limits = {1: 0.1, 2: 0.2, 3: 0.4, 10: 1.0, 10_000: 1.0}
    assert all(limits[n] / 2 <= wait <= limits[n] for n in limits for wait in waits[n])
    assert len(set(waits[1])) > 50


def test_what_the_server_asks_for_comes_on_top():
    assert 2.05 <= Backoff(first_s=0.1).wait_s(Overloaded("full", retry_after_s=2.0), 1) <= 2.1


@pytest.mark.parametrize(
    "error",
    [InvalidInput("x"), DeadlinePassed("x"), ModelFailed("x"), VisopError("x"), FetchUnavailable("x")],
    ids=lambda error: type(error).__name__,
)
def test_errors_that_a_retry_does_not_mend_are_raised_at_once(error):
    with pytest.raises(type(error)):
        Backoff().pause(error, 1, in_a_minute())


def test_the_error_is_raised_after_the_last_retry():
    backoff = Backoff(retries=2, first_s=0.001)
    backoff.pause(GONE, 1, in_a_minute())
    backoff.pause(GONE, 2, in_a_minute())
    with pytest.raises(Unreachable):
        backoff.pause(GONE, 3, in_a_minute())


def test_a_wait_that_would_pass_the_deadline_is_not_begun():
    started = time.monotonic()
    with pytest.raises(Overloaded):
        Backoff().pause(Overloaded("full", retry_after_s=30), 1, started + 20)
    assert time.monotonic() - started < 1
