"""``GET /healthz`` and ``GET /readyz``: for probes."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from visop.errors import Unreachable
from visop.http.endpoint import Endpoint
from visop.http.openapi import problem_answers


class State(BaseModel):
    """What a probe is told."""

    status: str = Field(examples=["ready"])
    workers: str | None = Field(
        default=None,
        description="How many processes with the model take calls; absent if there is only one.",
        examples=["3 of 4"],
    )


def health_router(endpoint: Endpoint) -> APIRouter:
    """The routes of one operator."""
    router = APIRouter()

    @router.get(
        "/healthz",
        summary="Whether the process lives",
        responses=problem_answers(421),
        response_model_exclude_none=True,
    )
    async def live() -> State:
        """For a liveness probe: it fails only if nothing is answered any more."""
        return State(status="alive")

    @router.get(
        "/readyz",
        summary="Whether calls are served",
        responses=problem_answers(421, 503),
        response_model_exclude_none=True,
    )
    async def ready() -> State:
        """For a readiness probe: as the gRPC health service says."""
        if trouble := endpoint.trouble():
            raise Unreachable(f"not ready: {trouble}")
        return State(status="ready", workers=endpoint.workers())

    return router
