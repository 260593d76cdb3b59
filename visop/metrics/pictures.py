"""Count the pictures of calls, over every protocol, by what became of them, and where their time went."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

from prometheus_client import Counter, Histogram

from visop.errors import Overloaded, ShuttingDown, VisopError
from visop.metrics.registry import REGISTRY, SECONDS
from visop.rpc.statuses import code_of

ITEMS = Counter(
    "visop_items_total",
    "Inputs of calls, by the status that each got: OK, or that of its error.",
    ["code"],
    registry=REGISTRY,
)
STAGE = Histogram(
    "visop_stage_seconds",
    "Time of an input in a stage: fetch, decode, preprocess, queue (for the model), model, postprocess, crops, and "
    "wait (for a thread, or for room).",
    ["stage"],
    buckets=SECONDS,
    registry=REGISTRY,
)
REFUSED = Counter(
    "visop_refused_total",
    "Calls that were refused before anything was spent on them, by the limit that was reached.",
    ["reason"],
    registry=REGISTRY,
)


def count_items(results: Iterable[object], spans_s: Iterable[Mapping[str, float]]) -> None:
    """Count inputs that have ended.

    Args:
        results: of each, or its error.
        spans_s: the seconds of each by stage.
    """
    for result in results:
        _items(code_of(result).name if isinstance(result, VisopError) else "OK").inc()
    for spans in spans_s:
        for stage, span in spans.items():
            _stage(stage).observe(span)


def count_refusal(error: VisopError) -> None:
    """Count a call that ended with this error, if it is a refusal."""
    if isinstance(error, Overloaded):
        _refused(error.limit or "other").inc()
    elif isinstance(error, ShuttingDown):
        _refused("draining").inc()


# Looking a series up by its labels takes longer than counting.
@cache
def _items(code: str) -> Counter:
    return ITEMS.labels(code)


@cache
def _stage(stage: str) -> Histogram:
    return STAGE.labels(stage)


@cache
def _refused(reason: str) -> Counter:
    return REFUSED.labels(reason)
