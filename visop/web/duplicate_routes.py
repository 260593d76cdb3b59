"""The paths of copies: looking for them, the groups, moving them away and back."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from visop.http.body import JSON, Body
from visop.http.endpoint import Endpoint, Task
from visop.http.openapi import CALL_PROBLEMS, READ_PROBLEMS, answers, body_of, problem_answers
from visop.web.duplicate_messages import DuplicatesReply, MoveReply, MoveRequest, UndoRequest, parse_move, parse_undo
from visop.web.duplicates import Duplicates
from visop.web.service import SearchService


def duplicates_router(service: SearchService, endpoint: Endpoint) -> APIRouter:
    """Below ``/v1/duplicates``."""
    router = APIRouter()

    @router.post(
        "/v1/duplicates",
        summary="Look for copies",
        responses=problem_answers(*READ_PROBLEMS, 403, 404),
    )
    async def begin(request: Request) -> DuplicatesReply:
        """In the background, among all pictures of the index, one search at a time; without a body."""
        return await endpoint.look(request, service.duplicates.begin)

    @router.get("/v1/duplicates", summary="The copies that were found", responses=problem_answers(*READ_PROBLEMS))
    async def found(
        request: Request,
        limit: Annotated[int, Query(ge=0, le=1000)] = 100,
        offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    ) -> DuplicatesReply:
        """Groups of pictures that are copies of each other, and how far the search is."""
        return await endpoint.look(request, lambda: service.duplicates.reply(limit, offset))

    @router.post(
        "/v1/duplicates/move",
        summary="Move copies away",
        responses=answers(MoveReply, *CALL_PROBLEMS, 404),
        openapi_extra=body_of({JSON: MoveRequest}),
    )
    async def move(request: Request) -> Response:
        """Into the folder of the server, and out of the index. Only from this machine, and where uploads are on."""
        service.duplicates.check_move()
        return await endpoint.serve(request, lambda body: _move_task(service.duplicates, body))

    @router.post(
        "/v1/duplicates/undo",
        summary="Move copies back",
        responses=answers(MoveReply, *CALL_PROBLEMS, 404),
        openapi_extra=body_of({JSON: UndoRequest}),
    )
    async def undo(request: Request) -> Response:
        """To where a list says that they were, and into the index again. May be repeated if it took too long."""
        service.duplicates.check_move()
        return await endpoint.serve(request, lambda body: _undo_task(service.duplicates, body))

    return router


def _move_task(duplicates: Duplicates, body: Body) -> Task:
    request = parse_move(body)
    return Task((), lambda _: duplicates.move(request).model_dump_json().encode())


def _undo_task(duplicates: Duplicates, body: Body) -> Task:
    request = parse_undo(body)
    return Task((), lambda _: duplicates.undo(request.undo_list).model_dump_json().encode())
