"""Write what a search found as a page that needs nothing else: no network, no script, thumbnails inside."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from visop.errors import UsageError
from visop.images.thumbnail import data_uri
from visop.search.match import Matches
from visop.search.schema import Picture
from visop.search.show.files import first_readable
from visop.settings import Settings
from visop.sources import printable
from visop.templates import render

_SIDE = 200


def write_search(html: Path, query: str, matches: Matches, settings: Settings) -> None:
    """Write what a search found. Raises UsageError if the file cannot be written."""
    _write(html, "search.html.jinja", {"query": printable(query), "matches": matches}, settings)


def _write(html: Path, template: str, context: dict[str, Any], settings: Settings) -> None:
    filters = {"thumbnail": lambda picture: _thumbnail(picture, settings), "date": _date}
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
