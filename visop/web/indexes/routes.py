"""The paths of indexes: which there are, making and deleting them, and searching each."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI, Request, Response

from visop.http.body import FORM, JSON, Body
from visop.http.endpoint import Endpoint, Extend, Task
from visop.http.openapi import CALL_PROBLEMS, READ_PROBLEMS, answers, body_of, problem_answers
from visop.search.attributes import MAX_ATTRIBUTES
from visop.web.duplicate_routes import add_duplicate_routes
from visop.web.duplicates import Duplicates
from visop.web.indexes.facts import all_facts, facts_of
from visop.web.indexes.index_path import index_router, name_of
from visop.web.indexes.messages import DeletedIndex, IndexFacts, IndexList, NewIndex
from visop.web.indexes.picture_routes import index_pictures_router
from visop.web.indexes.registry import Indexes
from visop.web.messages import IndexStatus, SearchReply, SearchRequest
from visop.web.removal_messages import RemovalReply, RemovalRequest
from visop.web.routes import SEARCH_FORM, removal_task, search_task


def index_routes(indexes: Indexes) -> Extend:
    """The indexes of a store, for the application of the HTTP interface."""

    def extend(app: FastAPI, endpoint: Endpoint) -> None:
        app.include_router(_indexes_router(indexes, endpoint))
        app.include_router(_index_router(indexes, endpoint))
        app.include_router(index_pictures_router(indexes, endpoint))
        app.include_router(_duplicates_router(indexes, endpoint))

    return extend


def _indexes_router(indexes: Indexes, endpoint: Endpoint) -> APIRouter:
    router = APIRouter(prefix="/v1/indexes")

    @router.get("", summary="All indexes", responses=problem_answers(*READ_PROBLEMS))
    async def every(request: Request) -> IndexList:
        """Those of the store that the server was started with. Those of another encoder are told, and why."""
        return await endpoint.look(request, lambda: IndexList(indexes=all_facts(indexes)))

    @router.post(
        "",
        summary="Make an index",
        status_code=201,
        responses=answers(IndexFacts, *CALL_PROBLEMS, 409, status=201),
        openapi_extra=body_of({JSON: NewIndex}),
    )
    async def create(request: Request) -> Response:
        """Empty, for vectors of this server's encoder. Where uploads are off, 403."""
        indexes.default.uploads.check()
        return await endpoint.serve(request, lambda body: _creation_task(indexes, body))

    return router


def _index_router(indexes: Indexes, endpoint: Endpoint) -> APIRouter:
    router = index_router()

    @router.get("", summary="An index", responses=problem_answers(*READ_PROBLEMS, 404))
    async def one(request: Request) -> IndexFacts:
        """What is in it, and what made its vectors."""
        return await endpoint.look(request, lambda: facts_of(indexes, name_of(request)))

    @router.delete("", summary="Delete an index", responses=problem_answers(*READ_PROBLEMS, 403, 404))
    async def delete(request: Request) -> DeletedIndex:
        """With everything in it; not the one that the server was started for. Where uploads are off, 403."""
        indexes.default.uploads.check()
        name = name_of(request)
        return await endpoint.look(request, lambda: DeletedIndex(name=name, count=indexes.delete(name)))

    @router.get("/status", summary="What is searched", responses=problem_answers(*READ_PROBLEMS, 403, 404))
    async def status(request: Request) -> IndexStatus:
        """As `GET /v1/index/status` of the default index."""
        return await endpoint.look(request, lambda: indexes.service(name_of(request)).status())

    @router.post(
        "/search",
        summary="The pictures of an index that are most like one",
        responses=answers(SearchReply, *CALL_PROBLEMS, 404),
        openapi_extra=body_of({JSON: SearchRequest, FORM: SEARCH_FORM}),
    )
    async def search(request: Request) -> Response:
        """As `POST /v1/search` of the default index."""
        name = name_of(request)
        return await endpoint.serve(request, lambda body: search_task(indexes.service(name), body))

    @router.post(
        "/remove",
        summary="Take pictures out of an index",
        responses=answers(RemovalReply, *CALL_PROBLEMS, 404),
        openapi_extra=body_of({JSON: RemovalRequest}),
    )
    async def remove(request: Request) -> Response:
        """As `POST /v1/remove` of the default index."""
        indexes.default.uploads.check()
        name = name_of(request)
        return await endpoint.serve(request, lambda body: removal_task(indexes.service(name), body))

    return router


def _duplicates_router(indexes: Indexes, endpoint: Endpoint) -> APIRouter:
    router = index_router("/duplicates")

    def of(request: Request) -> Duplicates:
        return indexes.service(name_of(request)).duplicates

    add_duplicate_routes(router, endpoint, of, lambda: indexes.default.duplicates)
    return router


def _creation_task(indexes: Indexes, body: Body) -> Task:
    request = body.json(NewIndex, MAX_ATTRIBUTES)

    def answer(_: object) -> bytes:
        indexes.create(request.name, request.attributes, request.parts)
        return facts_of(indexes, request.name).model_dump_json().encode()

    return Task((), answer, status=201)
