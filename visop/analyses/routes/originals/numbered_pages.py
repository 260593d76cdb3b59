"""Lists by numbered pages, in the form of Django REST framework."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from visop.analyses.routes.originals.refusals import NotThere

PAGE_SIZE = 50


def page_number(query: Mapping[str, str], count: int) -> int:
    """The page that a query asks for; ``last`` is one, too.

    Raises:
        NotThere: there is no such page. The first one always is, if only an empty one.
    """
    last, text = max(1, math.ceil(count / PAGE_SIZE)), query.get("page", "1")
    number = last if text == "last" else _whole(text)
    if not 1 <= number <= last:
        raise NotThere("Invalid page.")
    return number


def envelope(url: str, query: Mapping[str, str], number: int, count: int, records: Sequence[Any]) -> dict[str, Any]:
    """The answer.

    Args:
        url: of the list, without its query.
        query: of the request.
        number: of this page, from 1.
        count: of all records.
        records: of this page.
    """
    following = _link(url, query, number + 1) if number * PAGE_SIZE < count else None
    previous = _link(url, query, number - 1) if number > 1 else None
    return {"count": count, "next": following, "previous": previous, "results": list(records)}


def _link(url: str, query: Mapping[str, str], number: int) -> str:
    """The first page has no number, as the original writes it."""
    fields = {name: value for name, value in query.items() if name != "page"}
    fields |= {"page": str(number)} if number > 1 else {}
    return f"{url}?{urlencode(fields)}" if fields else url


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
