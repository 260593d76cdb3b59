"""Note what a model did for several calls at once in the trace of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from visop.errors import VisopError
from visop.tracing.current import error_name
from visop.tracing.spans import Attributes, Span


class Traced(Protocol):
    """An input that was in the batch. See ``visop.serving.batcher.Job``."""

    span: Span | None
    queued_at: float


def trace_batch(
    batch: Sequence[Traced], results: Sequence[Any], began: float, ended: float, attributes: Attributes
) -> None:
    """Add the stages ``queue`` and ``model`` to each call that has inputs in a batch.

    Every span of the model links to all of these calls, so that each leads to what it shared the model with.

    Args:
        batch: the inputs.
        results: of each, or its error.
        began: when the model began, on the clock of ``time.monotonic``.
        ended: when it was done, on the same clock.
        attributes: of the model.
    """
    calls: dict[Span, list[tuple[Traced, Any]]] = {}
    for job, result in zip(batch, results, strict=True):
        if job.span is not None and job.span.is_recorded:
            calls.setdefault(job.span, []).append((job, result))
    linked = list(calls)
    for span, own in calls.items():
        span.stage("queue", min(job.queued_at for job, _ in own), began)
        sizes = {"visop.batch.size": len(batch), "visop.inputs": len(own)}
        error = next((error_name(result) for _, result in own if isinstance(result, VisopError)), "")
        span.stage("model", began, ended, {**attributes, **sizes}, linked=linked, error=error)
