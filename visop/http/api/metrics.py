"""``GET /metrics``: for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from visop.http.openapi import problem_answers
from visop.metrics.registry import exposition

_TEXT = {
    "description": "All metrics, as text: in the form of OpenMetrics if `Accept` asks for it.",
    "content": {"text/plain": {"schema": {"type": "string"}}},
}


def metrics_router() -> APIRouter:
    """The route."""
    router = APIRouter()

    @router.get(
        "/metrics",
        summary="What this process counts, for Prometheus",
        response_class=Response,
        responses={200: _TEXT, **problem_answers(421)},
    )
    def metrics(request: Request) -> Response:  # in a thread: it takes milliseconds
        """docs/reference/metrics.md says what each means."""
        text, media_type = exposition(request.headers.get("accept", ""))
        return Response(text, media_type=media_type)

    return router
