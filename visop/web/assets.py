"""The files of the page, sent as they are: no build step, and nothing from elsewhere."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable

from fastapi import APIRouter, Request, Response

import visop.search.show
from visop.search.show.groups_page import STYLES
from visop.templates import render

# Scripts, styles and requests only from here; pictures that were dropped are blobs. No inline code: a file name that
# found its way into the page as HTML would still do nothing.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)

# By suffix. A browser runs no module of another type.
_MEDIA_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


def page_router() -> APIRouter:
    """``/``, which is ``index.html``, and the other files of ``page/``, here and of the groups, under their names."""
    router = APIRouter(include_in_schema=False)
    for file in page_files():
        media_type = _MEDIA_TYPES.get(file.name.rpartition(".")[2])
        if media_type is not None:
            path = "/" if file.name == "index.html" else f"/{file.name}"
            _add_file(router, path, file.read_bytes(), media_type)
    _add_file(router, "/duplicates", groups_page().encode(), "text/html")
    return router


def page_files() -> Iterator[Traversable]:
    """The files that are sent as they are: of this package, and those that the page of groups has of its own."""
    for package in (__package__, visop.search.show.__name__):
        yield from files(package).joinpath("page").iterdir()


def groups_page() -> str:
    """The page of groups of copies, which is also written as a file; here its parts are beside it."""
    context = {"title": "Copies", "about": "", "script": "", "styles": STYLES, "main": "groups_served.js"}
    return render(visop.search.show.__name__, "groups.html.jinja", context, {})


def _add_file(router: APIRouter, path: str, data: bytes, media_type: str) -> None:
    # Asked for again each time, so that a new version is seen at once, and sent again only if it is one.
    tag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache", "Content-Security-Policy": _POLICY}

    @router.get(path)
    async def asset(request: Request) -> Response:
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(data, headers=headers, media_type=media_type)
