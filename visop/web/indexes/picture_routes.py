"""The paths of the pictures of an index: adding, listing, one by its id, removal."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from visop.http.body import FORM, JSON
from visop.http.endpoint import Endpoint
from visop.http.openapi import CALL_PROBLEMS, FILE, READ_PROBLEMS, answers, body_of, problem_answers
from visop.web.indexes.adding import adding_task
from visop.web.indexes.index_path import index_router, name_of
from visop.web.indexes.listing import change_task, facts, page_of
from visop.web.indexes.picture_messages import AddReply, AddRequest, Change, PicturePage
from visop.web.indexes.registry import Indexes
from visop.web.messages import ID_PATTERN, MAX_FILTER_CHARS, FoundPicture
from visop.web.picture_routes import Id, file_answers, file_of, thumbnail_of
from visop.web.removal_messages import RemovalReply
from visop.web.service import SearchService

_ADD_FORM = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "images": {"type": "array", "items": FILE, "minItems": 1, "description": "The files."},
        "attributes": {
            "type": "array",
            "items": {"type": "string", "contentMediaType": JSON},
            "description": "An object of attributes as JSON: one for all images, or one for each.",
        },
        "unless_copy": {"type": "string", "enum": ["true", "false"], "default": "false"},
    },
    "required": ["images"],
}

_READ = (*READ_PROBLEMS, 403, 404)

Cursor = Annotated[str | None, Query(description="Where to go on: `next` of the page before.", pattern=ID_PATTERN)]
Filter = Annotated[str, Query(description="Only what this holds for, as in a search.", max_length=MAX_FILTER_CHARS)]


def index_pictures_router(indexes: Indexes, endpoint: Endpoint) -> APIRouter:
    """Below ``/v1/indexes/{name}/pictures``."""
    router = index_router("/pictures")
    _add_collection_routes(router, indexes, endpoint)
    _add_picture_routes(router, indexes, endpoint)
    return router


def _add_collection_routes(router: APIRouter, indexes: Indexes, endpoint: Endpoint) -> None:
    @router.post(
        "",
        summary="Add pictures to an index",
        responses=answers(AddReply, *CALL_PROBLEMS, 404),
        openapi_extra=body_of({JSON: AddRequest, FORM: _ADD_FORM}),
    )
    async def add(request: Request) -> Response:
        """Each has a result or a problem of its own, in the order they were sent. Where uploads are off, 403.

        With `unless_copy` this is the one call that answers "is this a copy of anything I have, and if not, keep it".
        """
        indexes.default.uploads.check()
        return await endpoint.serve(request, lambda body: adding_task(indexes.service_to_add(name_of(request)), body))

    @router.get("", summary="The pictures of an index", responses=problem_answers(*_READ))
    async def every(
        request: Request,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        cursor: Cursor = None,
        filter: Filter = "",  # noqa: A002 - the name in the query
    ) -> PicturePage:
        """Page by page, by id. What is added or removed meanwhile moves nothing else."""
        return await endpoint.look(request, lambda: page_of(_service(indexes, request), limit, cursor, filter))


def _add_picture_routes(router: APIRouter, indexes: Indexes, endpoint: Endpoint) -> None:
    @router.get("/{id}", summary="What is known of a picture", responses=problem_answers(*_READ))
    async def one(id: Id, request: Request) -> FoundPicture:  # noqa: A002 - the name in the path
        """Its names, size and times."""
        return await endpoint.look(request, lambda: facts(_service(indexes, request), id))

    @router.patch(
        "/{id}",
        summary="Change the attributes of a picture",
        responses=answers(FoundPicture, *CALL_PROBLEMS, 404),
        openapi_extra=body_of({JSON: Change}),
    )
    async def change(id: Id, request: Request) -> Response:  # noqa: A002 - the name in the path
        """Those that are given; others stay. Where uploads are off, 403."""
        indexes.default.uploads.check()
        return await endpoint.serve(request, lambda body: change_task(_service(indexes, request), id, body))

    @router.delete("/{id}", summary="Take a picture out of an index", responses=problem_answers(*_READ))
    async def remove(id: Id, request: Request) -> RemovalReply:  # noqa: A002 - the name in the path
        """As `DELETE /v1/pictures/{id}` of the default index."""
        indexes.default.uploads.check()
        return await endpoint.look(request, lambda: _service(indexes, request).remove_one(id))

    @router.put("/{id}", summary="Put a picture back into an index", responses=problem_answers(*_READ, 410))
    async def put_back(id: Id, request: Request) -> FoundPicture:  # noqa: A002 - the name in the path
        """As `PUT /v1/pictures/{id}` of the default index."""
        indexes.default.uploads.check()
        return await endpoint.look(request, lambda: _service(indexes, request).put_back(id))

    @router.get("/{id}/file", summary="The file of a picture", responses=file_answers("image/*"))
    async def original(id: Id, request: Request) -> Response:  # noqa: A002 - the name in the path
        """As `GET /v1/pictures/{id}` of the default index."""
        return await endpoint.look(request, lambda: file_of(_service(indexes, request), id, request))

    @router.get("/{id}/thumbnail", summary="A small version of a picture", responses=file_answers("image/webp"))
    async def small(id: Id, request: Request, side: Literal["320", "1280"] = "320") -> Response:  # noqa: A002 - as above
        """As `GET /v1/pictures/{id}/thumbnail` of the default index."""
        return await endpoint.look(request, lambda: thumbnail_of(_service(indexes, request), id, int(side), request))


def _service(indexes: Indexes, request: Request) -> SearchService:
    return indexes.service(name_of(request))
