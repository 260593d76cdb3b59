"""The page of analyses: lists of analyses and jobs, one of each, and pictures to be analysed."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable

from fastapi import APIRouter, FastAPI, Request, Response
from starlette.datastructures import Headers
from starlette.routing import Match, Route
from starlette.types import Scope

import visop.http
import visop.search.show
from visop.http.page_files import add_file, add_page_file
from visop.page import shared_files

#: Where the page is. Its other files are below, so that any path may be the page's own.
PAGE = "/page"

# What it has in common with the page of a processor, and with those of search.
_BOXES = ("boxes.css", "boxes.js", "list.js", "score.js")
_CONTROLS = ("page.css", "words.js")


def add_page(app: FastAPI) -> None:
    """The page, to which a browser gets from ``/``, too. Before other routes of ``/``, which serve everybody else."""
    app.include_router(page_router())
    app.router.routes.append(_OfBrowsers("/", _to_page, methods=["GET"], include_in_schema=False))


class _OfBrowsers(Route):
    """A route of requests that ask for HTML, as browsers do where a person enters an address."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether a request is one of its own, after Starlette."""
        if scope["type"] == "http" and "text/html" in Headers(scope=scope).get("accept", ""):
            return super().matches(scope)
        return Match.NONE, {}


async def _to_page(_: Request) -> Response:
    return Response(status_code=303, headers={"Location": PAGE[1:], "Vary": "Accept"})


def page_router() -> APIRouter:
    """``/page``, which is ``index.html``, and the files that it needs, below it."""
    router = APIRouter(include_in_schema=False)
    for file in page_files():
        if file.name == "index.html":
            add_file(router, PAGE, file.read_bytes(), "text/html")
        else:
            add_page_file(router, file.name, file.read_bytes(), f"{PAGE}/")
    return router


def page_files() -> Iterator[Traversable]:
    """Its own files, and those that other pages have, too."""
    yield from files("visop.analyses").joinpath("page").iterdir()
    yield from (files(visop.http).joinpath("page", name) for name in _BOXES)
    yield from (files(visop.search.show).joinpath("page", name) for name in _CONTROLS)
    yield from shared_files()
