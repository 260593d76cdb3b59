"""The search in the background: its limit, and what moved files leave of the groups."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from visop.errors import NotAllowed
from visop.search.duplicates import Group
from visop.search.schema import Picture
from visop.settings import Settings
from visop.web.duplicate_search import DuplicateSearch, without


def picture(*names: str) -> Picture:
    return Picture("0" * 64, names, 1, 1, 1, 1, 1)


def test_an_index_that_is_too_large_is_refused() -> None:
    index: Any = SimpleNamespace(count=lambda: 10)
    with DuplicateSearch(index, 0.9, Settings(), most_pictures=9) as search:
        with pytest.raises(NotAllowed, match="the index has 10 pictures, and at most 9 are compared over HTTP"):
            search.begin()
        assert search.found().state == "idle"


def test_moved_files_are_left_out_of_the_groups() -> None:
    group = Group((picture("a", "b"), picture("c"), picture("d")), 1, 0.9, (0.1, 0.2, 0.3))
    assert list(without([group], {"x"})) == [group]
    (left,) = without([group], {"a", "c"})
    assert (left.pictures, left.likeness) == ((picture("b"), picture("d")), (0.1, 0.3))
    assert list(without([group], {"a", "c", "d"})) == []
