"""``GET /operators``: what pictures can be given to, and whether it answers now."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from visop.analyses.operators import Operators, RunsOperator
from visop.errors import VisopError
from visop.http.endpoint import Endpoint
from visop.http.openapi import READ_PROBLEMS, problem_answers

_AT_ONCE = 16


class OperatorState(BaseModel):
    """An operator of this service."""

    name: str
    ready: bool
    type: str | None = Field(None, examples=["encoder"])
    fingerprint: str | None = None
    dimension: int | None = None
    labels: list[str] | None = Field(None, description="What it may find, if it says.")
    error: str | None = Field(None, description="Why it is not ready.")


class OperatorList(BaseModel):
    """All of them, in the order that they were given."""

    operators: list[OperatorState]


def operators_router(operators: Operators, endpoint: Endpoint) -> APIRouter:
    """The route."""
    router = APIRouter(tags=["analyses"])

    @router.get(
        "/operators",
        summary="The operators",
        responses=problem_answers(*READ_PROBLEMS),
        response_model_exclude_none=True,
    )
    async def listed(request: Request) -> OperatorList:
        """Each is asked now; one that does not answer within two seconds is not ready."""
        return await endpoint.look(request, lambda: _listed(operators))

    return router


def _listed(operators: Operators) -> OperatorList:
    with ThreadPoolExecutor(_AT_ONCE, "visop-health") as threads:
        return OperatorList(operators=list(threads.map(_state, operators.values())))


def _state(operator: RunsOperator) -> OperatorState:
    trouble = operator.trouble()
    try:
        info = operator.info if trouble is None else None
    except VisopError as error:
        trouble, info = str(error), None
    if info is None:
        return OperatorState(name=operator.name, ready=False, error=trouble, type=None, labels=None)
    return OperatorState(
        name=operator.name,
        ready=True,
        type=info.type,
        fingerprint=info.fingerprint,
        dimension=info.dimension if info.dimension > 0 else None,
        labels=list(info.labels) or None,
        error=None,
    )
