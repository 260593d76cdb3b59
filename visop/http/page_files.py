"""Files of a page, sent as they are: no build step, and nothing from elsewhere."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable

from fastapi import APIRouter, Request, Response

from visop.page import shared_files

# Scripts, styles and requests only from here; pictures that were dropped are blobs. No inline code: a file name that
# found its way into a page as HTML would still do nothing.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)

# By suffix. A browser runs no module of another type.
_MEDIA_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


#: Where the page of parts is.
PARTS = "/parts"


def parts_page_router(path: str = PARTS) -> APIRouter:
    """The page of a processor or a pipeline, under a path: give it a picture, and see what it finds.

    Its other files are in ``PARTS``, whatever its own path is: that of search may be at ``/``.
    """
    router = APIRouter(include_in_schema=False)
    for file in parts_page_files():
        if file.name == "index.html":
            add_file(router, path, file.read_bytes(), _MEDIA_TYPES["html"])
        elif path == PARTS:
            add_page_file(router, file.name, file.read_bytes(), f"{PARTS}/")
    return router


def parts_page_files() -> Iterator[Traversable]:
    """Its own files, and those that it has in common with other pages."""
    yield from files(__package__).joinpath("page").iterdir()
    yield from shared_files()


def add_page_file(router: APIRouter, name: str, data: bytes, folder: str = "/") -> None:
    """A file of a page under its name in a folder, ``index.html`` as the folder; what is of no page is left out."""
    media_type = _MEDIA_TYPES.get(name.rpartition(".")[2])
    if media_type is not None:
        add_file(router, folder if name == "index.html" else f"{folder}{name}", data, media_type)


def add_file(router: APIRouter, path: str, data: bytes, media_type: str) -> None:
    """A file under a path."""
    # Asked for again each time, so that a new version is seen at once, and sent again only if it is one.
    tag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache", "Content-Security-Policy": _POLICY}

    @router.get(path)
    async def asset(request: Request) -> Response:
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(data, headers=headers, media_type=media_type)
