"""The paths of search, and what the document says of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi import Query as Parameter
from pydantic import BaseModel

from visop.encoding.encoded import EncodedPicture, picture_of
from visop.errors import UsageError, VisopError
from visop.http.body import FORM, JSON, Body
from visop.http.endpoint import Endpoint, Extend, Results, Task
from visop.http.openapi import CALL_PROBLEMS, FILE, READ_PROBLEMS, answers, body_of, problem_answers
from visop.search.ranking import MODES, View
from visop.serving.convert import refuse_bad
from visop.serving.pipeline import Input
from visop.web.assets import page_router
from visop.web.duplicate_routes import duplicates_router
from visop.web.messages import (
    MAX_FILTER_CHARS,
    FailuresReply,
    IndexStatus,
    SearchReply,
    SearchRequest,
    UploadReply,
    parse_search,
    parse_upload,
)
from visop.web.picture_routes import pictures_router
from visop.web.query import Query
from visop.web.removal_messages import RemovalReply, RemovalRequest, parse_removal
from visop.web.service import SearchService

SEARCH_FORM = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "image": FILE | {"description": "The file."},
        "k": {"type": "string", "pattern": "^([1-9][0-9]{0,2}|1000)$", "default": "10"},
        "filter": {"type": "string", "maxLength": MAX_FILTER_CHARS},
        "box": {"type": "string", "description": "x,y,w,h: a part of it, in pixels.", "examples": ["120,40,300,200"]},
        "thorough": {"type": "string", "enum": ["true", "false"], "default": "false"},
        "mode": {"type": "string", "enum": list(MODES), "default": "best"},
        "verify": {"type": "string", "enum": ["true", "false"], "default": "false"},
    },
    "required": ["image"],
}
_UPLOAD_FORM = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"images": {"type": "array", "items": FILE, "description": "The files."}},
}


def search_routes(service: SearchService) -> Extend:
    """Search, its pictures and its page, for the application of the HTTP interface."""

    def extend(app: FastAPI, endpoint: Endpoint) -> None:
        app.include_router(_search_router(service, endpoint))
        app.include_router(pictures_router(service, endpoint))
        app.include_router(duplicates_router(service, endpoint))
        app.include_router(page_router())

    return extend


def _search_router(service: SearchService, endpoint: Endpoint) -> APIRouter:
    router = APIRouter()

    @router.post(
        "/v1/search",
        summary="The pictures that are most like one",
        responses=answers(SearchReply, *CALL_PROBLEMS, 404),
        openapi_extra=body_of({JSON: SearchRequest, FORM: SEARCH_FORM}),
    )
    async def search(request: Request) -> Response:
        """The picture goes through the pipeline of `/v1/execute`, then to the index."""
        return await endpoint.serve(request, lambda body: search_task(service, body))

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
        return await endpoint.serve(request, lambda body: removal_task(service, body))

    @router.get("/v1/index/status", summary="What is searched", responses=problem_answers(*READ_PROBLEMS, 404))
    async def status(request: Request) -> IndexStatus:
        """How many pictures there are, and how far indexing in the background is."""
        return await endpoint.look(request, service.status)

    @router.get(
        "/v1/index/failures", summary="What could not be indexed", responses=problem_answers(*READ_PROBLEMS, 403)
    )
    async def failures(request: Request, limit: Annotated[int, Parameter(ge=1, le=1000)] = 100) -> FailuresReply:
        """Files and URLs, and why; only to this machine. What was mended, or is gone, is not among them any more."""
        return await endpoint.look(request, lambda: service.failures(limit))

    return router


def search_task(service: SearchService, body: Body) -> Task:
    """Search with what a body says."""
    request, inputs = parse_search(body)
    if request.vector is not None and request.verify:
        raise UsageError("verify", "true", "takes a picture, in which there is something to be found; not a vector")
    if request.id and not request.in_views:
        return Task((), lambda _: _json(service.search_like(request, str(request.id))))
    if request.id:
        inputs = [Input("id", service.file_of(request.id))]
    query = Query(request, in_parts=service.in_parts)

    def answer(results: Results) -> bytes:
        if request.vector is not None:
            return _json(service.search(request, [View(service.vector_of(request.vector))], None))
        return _json(service.search(request, query.views(results), query.marked, query.file))

    return Task([query.asked(each) for each in inputs], answer)


def removal_task(service: SearchService, body: Body) -> Task:
    """Take out what a body says."""
    request = parse_removal(body)
    return Task((), lambda _: _json(service.remove(request)))


def _upload_task(service: SearchService, body: Body) -> Task:
    inputs = parse_upload(body, service.settings.max_items)

    def answer(results: Results) -> bytes:
        refuse_bad(inputs, results)
        files = [each.value for each in inputs if isinstance(each.value, bytes)]
        kept = [service.keep(*each) for each in zip(files, _pictures(results), strict=True)]
        return _json(UploadReply(pictures=kept))

    return Task(inputs, answer)


def _pictures(results: Results) -> list[EncodedPicture]:
    """Raise the first error, if there is one."""
    pictures: list[EncodedPicture] = []
    for result in map(picture_of, results):
        if isinstance(result, VisopError):
            raise result
        pictures.append(result)
    return pictures


def _json(reply: BaseModel) -> bytes:
    return reply.model_dump_json(by_alias=True).encode()
