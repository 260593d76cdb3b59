"""The paths of single pictures: the file, a small version, removal and its undoing."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response

from visop.http.endpoint import Endpoint
from visop.http.openapi import FILE, READ_PROBLEMS, answers, problem_answers
from visop.web.file_answer import FileAnswer
from visop.web.messages import ID_PATTERN, FoundPicture, PicturesReply
from visop.web.removal_messages import RemovalReply
from visop.web.service import SearchService

# Content under its digest never changes. It is private: only the browser that asked may keep it, no shared cache. An
# original is asked for again each time, because it may be gone by then.
_FOR_EVER, _ASKED_AGAIN = "private, max-age=31536000, immutable", "private, no-cache"

_WRITE_PROBLEMS = (*READ_PROBLEMS, 403, 404)

#: In a path.
Id = Annotated[str, Path(description="SHA-256 of the file, hexadecimal.", pattern=ID_PATTERN)]


def pictures_router(service: SearchService, endpoint: Endpoint) -> APIRouter:
    """Below ``/v1/pictures``."""
    router = APIRouter()

    @router.get("/v1/pictures", summary="Some pictures", responses=problem_answers(*READ_PROBLEMS, 404))
    async def some(request: Request, limit: Annotated[int, Query(ge=1, le=100)] = 24) -> PicturesReply:
        """Example pictures for a first search."""
        return await endpoint.look(request, lambda: PicturesReply(pictures=list(service.some(limit))))

    @router.get("/v1/pictures/{id}", summary="A picture", responses=file_answers("image/*"))
    async def original(id: Id, request: Request) -> Response:  # noqa: A002 - the name in the path
        """The file as it was indexed; 410 if it is gone or has changed since.

        Where other machines can reach the server, it comes without metadata, such as GPS data: the
        pixels are the same in JPEG, PNG, WebP and GIF, and other formats come as PNG. `visop run --keep-metadata`
        serves the files as they are.
        """
        return await endpoint.look(request, lambda: file_of(service, id, request))

    @router.delete("/v1/pictures/{id}", summary="Take a picture out", responses=problem_answers(*_WRITE_PROBLEMS))
    async def remove(id: Id, request: Request) -> RemovalReply:  # noqa: A002 - the name in the path
        """As `POST /v1/remove` with its id; 404 if the index does not have it."""
        service.uploads.check()
        return await endpoint.look(request, lambda: service.remove_one(id))

    @router.put("/v1/pictures/{id}", summary="Put a picture back", responses=problem_answers(*_WRITE_PROBLEMS, 410))
    async def put_back(id: Id, request: Request) -> FoundPicture:  # noqa: A002 - the name in the path
        """One that was removed, with its names; without a body. Only the last 1,000 since the start can be."""
        service.uploads.check()
        return await endpoint.look(request, lambda: service.put_back(id))

    @router.get("/v1/pictures/{id}/thumbnail", summary="A small picture", responses=file_answers("image/webp"))
    async def small(id: Id, request: Request, side: Literal["320", "1280"] = "320") -> Response:  # noqa: A002 - as above
        """Neither side longer than `side` pixels, upright, without the metadata of the file.

        One that was made before is served although the file may be gone by now: see `gone` of a picture.
        """
        return await endpoint.look(request, lambda: thumbnail_of(service, id, int(side), request))

    return router


def file_of(service: SearchService, id_: str, request: Request) -> Response:
    """The file of a picture, unless the browser has it."""
    picture = service.picture(id_)
    service.originals.check(picture)  # also where the browser has the file
    version = service.published.version(picture)
    return _kept(request, version, _ASKED_AGAIN, lambda: FileAnswer(service.published.open(picture)))


def thumbnail_of(service: SearchService, id_: str, side: int, request: Request) -> Response:
    """A small version of a picture, unless the browser has it."""
    picture = service.picture(id_)
    file = functools.partial(service.thumbnails.get, picture, side)
    return _kept(request, f"{picture.id}-{side}", _FOR_EVER, lambda: Response(file(), media_type="image/webp"))


def _kept(request: Request, name: str, control: str, make: Callable[[], Response]) -> Response:
    """An answer that never changes under its name. Call it only for a picture that is in the index."""
    headers = {"ETag": f'"{name}"', "Cache-Control": control}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    response = make()
    response.headers.update(headers)
    return response


def file_answers(media_type: str) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route that answers a file."""
    content = {media_type: {"schema": FILE}}
    return answers({"description": "The file.", "content": content}, *READ_PROBLEMS, 404, 410, 429)
