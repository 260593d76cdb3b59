from __future__ import annotations

import pytest

from visop.serving.priority import is_bulk


@pytest.mark.parametrize("value", ["u=7", "u=4", "i, u=5", "u=1, u=6", " u=7;x=1"])
def test_what_is_less_urgent_than_usual_is_bulk_work(value: str) -> None:
    assert is_bulk(value)


@pytest.mark.parametrize("value", [None, "", "u=0", "u=3", "i", "u=8", "u=77", "urgency=7", "u=7x", b"u=7"])
def test_what_is_as_urgent_as_usual_or_says_nothing_is_not(value: str | bytes | None) -> None:
    assert not is_bulk(value)
