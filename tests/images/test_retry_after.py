from __future__ import annotations

import pytest

from visop.images.fetching.retry_after import retry_after_s

NOW = "Sat, 28 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("text", "wait_s"),
    [
        ("20", 20),
        ("0", 0),
        (" 5 ", 5),
        ("1.5", 1.5),
        ("9" * 400, 30 * 24 * 3600),
        ("Sat, 28 Nov 2026 12:01:30 GMT", 90),
        ("Saturday, 28-Nov-26 12:01:30 GMT", 90),  # RFC 850
        ("Sat Nov 28 12:01:30 2026", 90),  # asctime
        ("Sat, 28 Nov 2026 11:00:00 GMT", 0),
        ("Sat, 28 Nov 9999 11:00:00 GMT", 30 * 24 * 3600),
    ],
)
def test_seconds_and_dates_are_understood(text: str, wait_s: float) -> None:
    assert retry_after_s({"Retry-After": text, "Date": NOW}) == wait_s


@pytest.mark.parametrize("text", ["", "soon", "-1", "nan", "inf", "1e3", "٣", "Sat, 28 Nov 99999999999 1:1:1 GMT"])
def test_anything_else_says_nothing(text: str) -> None:
    assert retry_after_s({"Retry-After": text, "Date": NOW}) is None


def test_without_a_date_of_the_server_the_clock_here_counts() -> None:
    assert retry_after_s({"Retry-After": "Sat, 28 Nov 1998 12:00:00 GMT"}) == 0
    assert retry_after_s({}) is None
