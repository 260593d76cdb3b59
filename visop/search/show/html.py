"""Write what a search found as a page that needs nothing else: no network, no script, thumbnails inside."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from visop.errors import UsageError
from visop.images.thumbnail import data_uri
from visop.search.match import Matches
from visop.search.schema import Picture
from visop.search.show.files import first_readable
from visop.search.show.summary import WHY_NOT_LIKE, found_words, others_words, place_words
from visop.settings import Settings
from visop.sources import printable
from visop.templates import render

_SIDE = 200


def write_search(html: Path, query: str, matches: Matches, settings: Settings) -> None:
    """Write what a search found. Raises UsageError if the file cannot be written."""
    words = {"found": found_words(matches), "others": others_words(matches), "why_not_like": WHY_NOT_LIKE}
    _write(html, "search.html.jinja", {"query": printable(query), "matches": matches, **words}, settings)


def _write(html: Path, template: str, context: dict[str, Any], settings: Settings) -> None:
    filters: dict[str, Callable[[Any], str]] = {
        "thumbnail": lambda picture: _thumbnail(picture, settings),
        "date": _date,
        "place": place_words,
    }
    page = render(__package__, template, context, filters)
    try:
        html.write_text(page, "utf-8")
    except OSError as error:
        raise UsageError("html", html, error.strerror or str(error)) from None


def _thumbnail(picture: Picture, settings: Settings) -> str:
    """A data URI, of whichever name can be read; empty if none can."""
    return first_readable(picture, settings, lambda data, limits: data_uri(data, limits, _SIDE), "")


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
