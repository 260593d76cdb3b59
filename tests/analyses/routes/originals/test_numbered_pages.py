from __future__ import annotations

import pytest

from visop.analyses.routes.originals.numbered_pages import envelope, page_number
from visop.analyses.routes.originals.refusals import NotThere

LIST = "http://host/"


def test_links_lead_to_the_pages_before_and_after_and_keep_the_rest_of_the_query() -> None:
    first = envelope(LIST, {"format": "json"}, 1, 101, [1])
    assert first == {"count": 101, "next": "http://host/?format=json&page=2", "previous": None, "results": [1]}
    middle = envelope(LIST, {"page": "2"}, 2, 101, [])
    assert (middle["next"], middle["previous"]) == ("http://host/?page=3", "http://host/")
    last = envelope(LIST, {"page": "3"}, 3, 101, [])
    assert (last["next"], last["previous"]) == (None, "http://host/?page=2")


@pytest.mark.parametrize(
    ("text", "count", "number"), [("1", 0, 1), ("2", 51, 2), ("last", 151, 4), ("3", 150, 3), ("02", 51, 2)]
)
def test_pages_that_are_there(text: str, count: int, number: int) -> None:
    assert page_number({"page": text}, count) == number


@pytest.mark.parametrize("text", ["0", "2", "-1", "x", "", "1.5", "²", "9" * 30])
def test_other_pages_are_not_found(text: str) -> None:
    with pytest.raises(NotThere, match=r"^Invalid page\.$"):
        page_number({"page": text}, 50)
