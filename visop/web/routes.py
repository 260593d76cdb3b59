"""The paths of search, and what the document says of them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, FastAPI, Path, Query, Request, Response
from pydantic import BaseModel

from visop.contract import Vector
from visop.errors import VisopError
from visop.http.body import FORM, JSON, Body
from visop.http.endpoint import Endpoint, Extend, Results, Task
from visop.http.openapi import CALL_PROBLEMS, READ_PROBLEMS, answers, body_of, problem_answers
from visop.serving.convert import refuse_bad
from visop.web.assets import page_router
from visop.web.file_answer import FileAnswer
from visop.web.messages import (
    ID_PATTERN,
    FailuresReply,
    FoundPicture,
    IndexStatus,
    PicturesReply,
    SearchReply,
    SearchRequest,
    UploadReply,
    parse_search,
    parse_upload,
)
from visop.web.removal_messages import RemovalReply, RemovalRequest, parse_removal
from visop.web.service import SearchService

_FILE = {"type": "string", "format": "binary"}

_SEARCH_FORM = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "image": _FILE | {"description": "The file."},
        "k": {"type": "string", "pattern": "^[1-9][0-9]{0,2}$", "default": "10"},
        "filter": {"type": "string", "maxLength": 4000},
    },
    "required": ["image"],
}
_UPLOAD_FORM = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"images": {"type": "array", "items": _FILE, "description": "The files."}},
}

# Content under its digest never changes. It is private: only the browser that asked may keep it, no shared cache. An
# original is asked for again each time, because it may be gone by then.
_FOR_EVER, _ASKED_AGAIN = "private, max-age=31536000, immutable", "private, no-cache"

_WRITE_PROBLEMS = (*READ_PROBLEMS, 403, 404)

Id = Annotated[str, Path(description="SHA-256 of the file, hexadecimal.", pattern=ID_PATTERN)]


def search_routes(service: SearchService) -> Extend:
    """Search, its pictures and its page, for the application of the HTTP interface."""

    def extend(app: FastAPI, endpoint: Endpoint) -> None:
        app.include_router(_search_router(service, endpoint))
        app.include_router(_pictures_router(service, endpoint))
        app.include_router(page_router())

    return extend


def _search_router(service: SearchService, endpoint: Endpoint) -> APIRouter:
    router = APIRouter()

    @router.post(
        "/v1/search",
        summary="The pictures that are most like one",
        responses=answers(SearchReply, *CALL_PROBLEMS, 404),
        openapi_extra=body_of({JSON: SearchRequest, FORM: _SEARCH_FORM}),
    )
    async def search(request: Request) -> Response:
        """The picture goes through the pipeline of `/v1/execute`, then to the index."""
        return await endpoint.serve(request, lambda body: _search_task(service, body))

    @router.post(
        "/v1/index",
        summary="Upload pictures into the index",
        responses=answers(UploadReply, *CALL_PROBLEMS, 404),
        openapi_extra=body_of({FORM: _UPLOAD_FORM}),
    )
    async def upload(request: Request) -> Response:
        """All or nothing: one file that is no picture fails the request. Where it is not allowed, 403."""
        service.uploads.check()
        return await endpoint.serve(request, lambda body: _upload_task(service, body))

    @router.post(
        "/v1/remove",
        summary="Take pictures out of the index",
        responses=answers(RemovalReply, *CALL_PROBLEMS, 404),
        openapi_extra=body_of({JSON: RemovalRequest}),
    )
    async def remove(request: Request) -> Response:
        """By name, folder, id or filter. Files stay, but those that were uploaded here. Where uploads are off, 403."""
        service.uploads.check()
        return await endpoint.serve(request, lambda body: _removal_task(service, body))

    @router.get("/v1/index/status", summary="What is searched", responses=problem_answers(*READ_PROBLEMS, 404))
    async def status(request: Request) -> IndexStatus:
        """How many pictures there are, and how far indexing in the background is."""
        return await endpoint.look(request, service.status)

    @router.get(
        "/v1/index/failures", summary="What could not be indexed", responses=problem_answers(*READ_PROBLEMS, 403)
    )
    async def failures(request: Request, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> FailuresReply:
        """Files and URLs, and why; only to this machine. What was mended, or is gone, is not among them any more."""
        return await endpoint.look(request, lambda: service.failures(limit))

    return router


def _pictures_router(service: SearchService, endpoint: Endpoint) -> APIRouter:
    router = APIRouter()

    @router.get("/v1/pictures", summary="Some pictures", responses=problem_answers(*READ_PROBLEMS, 404))
    async def some(request: Request, limit: Annotated[int, Query(ge=1, le=100)] = 24) -> PicturesReply:
        """Example pictures for a first search."""
        return await endpoint.look(request, lambda: PicturesReply(pictures=list(service.some(limit))))

    @router.get("/v1/pictures/{id}", summary="A picture", responses=_file_answers("image/*"))
    async def original(id: Id, request: Request) -> Response:  # noqa: A002 - the name in the path
        """The file as it was indexed; 410 if it is gone or has changed since."""

        def make() -> Response:
            picture = service.picture(id)
            service.originals.check(picture)  # also where the browser has the file
            return _kept(request, picture.id, _ASKED_AGAIN, lambda: FileAnswer(service.originals.open(picture)))

        return await endpoint.look(request, make)

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

    @router.get("/v1/pictures/{id}/thumbnail", summary="A small picture", responses=_file_answers("image/webp"))
    async def small(id: Id, request: Request, side: Literal["320", "1280"] = "320") -> Response:  # noqa: A002 - as above
        """Neither side longer than `side` pixels, upright, without the metadata of the file.

        One that was made before is served although the file may be gone by now: see `gone` of a picture.
        """

        def make() -> Response:
            picture = service.picture(id)
            name, file = f"{picture.id}-{side}", functools.partial(service.thumbnails.get, picture, int(side))
            return _kept(request, name, _FOR_EVER, lambda: Response(file(), media_type="image/webp"))

        return await endpoint.look(request, make)

    return router


def _search_task(service: SearchService, body: Body) -> Task:
    request, inputs = parse_search(body)

    def answer(results: Results) -> bytes:
        vector = service.vector_of(request.id) if request.id else _vectors(results)[0]
        return _json(service.search(request, vector))

    return Task(inputs, answer)


def _removal_task(service: SearchService, body: Body) -> Task:
    request = parse_removal(body)
    return Task((), lambda _: _json(service.remove(request)))


def _upload_task(service: SearchService, body: Body) -> Task:
    inputs = parse_upload(body, service.settings.max_items)

    def answer(results: Results) -> bytes:
        refuse_bad(inputs, results)
        files = [each.value for each in inputs if isinstance(each.value, bytes)]
        kept = [service.keep(*each) for each in zip(files, _vectors(results), strict=True)]
        return _json(UploadReply(pictures=kept))

    return Task(inputs, answer)


def _vectors(results: Results) -> list[Vector]:
    """Raise the first error, if there is one."""
    vectors: list[Vector] = []
    for result in results:
        if isinstance(result, VisopError):
            raise result
        vectors.append(result)
    return vectors


def _json(reply: BaseModel) -> bytes:
    return reply.model_dump_json(by_alias=True).encode()


def _kept(request: Request, name: str, control: str, make: Callable[[], Response]) -> Response:
    """An answer that never changes under its name. Call it only for a picture that is in the index."""
    headers = {"ETag": f'"{name}"', "Cache-Control": control}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    response = make()
    response.headers.update(headers)
    return response


def _file_answers(media_type: str) -> dict[int | str, dict[str, Any]]:
    content = {media_type: {"schema": _FILE}}
    return answers({"description": "The file.", "content": content}, *READ_PROBLEMS, 404, 410, 429)
