"""The paths of copies: looking for them, the groups, moving them away and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from visop.http.body import JSON, Body
from visop.http.endpoint import Endpoint, Task
from visop.http.openapi import CALL_PROBLEMS, READ_PROBLEMS, answers, body_of, problem_answers
from visop.web.duplicate_messages import DuplicatesReply, MoveReply, MoveRequest, UndoRequest, parse_move, parse_undo
from visop.web.duplicates import Duplicates
from visop.web.service import SearchService

#: The copies that a request is about.
Of = Callable[[Request], Duplicates]


def duplicates_router(service: SearchService, endpoint: Endpoint) -> APIRouter:
    """Below ``/v1/duplicates``."""
    router = APIRouter(prefix="/v1/duplicates")
    add_duplicate_routes(router, endpoint, lambda _: service.duplicates, lambda: service.duplicates)
    return router


def add_duplicate_routes(router: APIRouter, endpoint: Endpoint, of: Of, default: Callable[[], Duplicates]) -> None:
    """Add the routes of copies below the prefix of a router.

    Args:
        router: of one index, or of all.
        endpoint: calls what may take a while.
        of: finds the index that a request is about; may take a while, and raise.
        default: of the index that the server was started for: at once says whether anything may be moved here.
    """
    _add_search_routes(router, endpoint, of)
    _add_move_routes(router, endpoint, of, default)


def _add_search_routes(router: APIRouter, endpoint: Endpoint, of: Of) -> None:
    @router.post("", summary="Look for copies", responses=problem_answers(*READ_PROBLEMS, 403, 404))
    async def begin(request: Request) -> DuplicatesReply:
        """In the background, among all pictures of the index, one search at a time; without a body."""
        return await endpoint.look(request, lambda: of(request).begin())

    @router.get("", summary="The copies that were found", responses=problem_answers(*READ_PROBLEMS, 403, 404))
    async def found(
        request: Request,
        limit: Annotated[int, Query(ge=0, le=1000)] = 100,
        offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    ) -> DuplicatesReply:
        """Groups of pictures that are copies of each other, and how far the search is."""
        return await endpoint.look(request, lambda: of(request).reply(limit, offset))


def _add_move_routes(router: APIRouter, endpoint: Endpoint, of: Of, default: Callable[[], Duplicates]) -> None:
    @router.post(
        "/move",
        summary="Move copies away",
        responses=answers(MoveReply, *CALL_PROBLEMS, 404),
        openapi_extra=body_of({JSON: MoveRequest}),
    )
    async def move(request: Request) -> Response:
        """Into the folder of the server, and out of the index. Only from this machine, and where uploads are on."""
        default().check_move()
        return await endpoint.serve(request, lambda body: _move_task(of(request), body))

    @router.post(
        "/undo",
        summary="Move copies back",
        responses=answers(MoveReply, *CALL_PROBLEMS, 404),
        openapi_extra=body_of({JSON: UndoRequest}),
    )
    async def undo(request: Request) -> Response:
        """To where a list says that they were, and into the index again. May be repeated if it took too long."""
        default().check_move()
        return await endpoint.serve(request, lambda body: _undo_task(of(request), body))


def _move_task(duplicates: Duplicates, body: Body) -> Task:
    request = parse_move(body)
    return Task((), lambda _: duplicates.move(request).model_dump_json().encode())


def _undo_task(duplicates: Duplicates, body: Body) -> Task:
    request = parse_undo(body)
    return Task((), lambda _: duplicates.undo(request.undo_list).model_dump_json().encode())
