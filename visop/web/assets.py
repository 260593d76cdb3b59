"""The files of the page of search."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable

from fastapi import APIRouter

import visop.search.show
from visop.http.page_files import add_file, add_page_file
from visop.page import shared_files
from visop.search.show.groups_page import STYLES
from visop.templates import render


def page_router() -> APIRouter:
    """``/``, which is ``index.html``, and the other files of ``page/``, here and of the groups, under their names."""
    router = APIRouter(include_in_schema=False)
    for file in page_files():
        add_page_file(router, file.name, file.read_bytes())
    add_file(router, "/duplicates", groups_page().encode(), "text/html")
    return router


def page_files() -> Iterator[Traversable]:
    """The files that are sent as they are: of this package, of the page of groups, and those that all pages have."""
    for package in (__package__, visop.search.show.__name__):
        yield from files(package).joinpath("page").iterdir()
    yield from shared_files()


def groups_page() -> str:
    """The page of groups of copies, which is also written as a file; here its parts are beside it."""
    context = {"title": "Copies", "about": "", "script": "", "styles": STYLES, "main": "groups_served.js"}
    return render(visop.search.show.__name__, "groups.html.jinja", context, {})
