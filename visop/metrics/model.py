"""Count what a model is given: how full its batches are, how long it takes, and what it is spared."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import Counter, Gauge, Histogram

from visop.metrics.registry import REGISTRY, SECONDS

_MODEL = ["model"]

BATCH = Histogram(
    "visop_batch_size",
    "Inputs that shared a call of the model.",
    _MODEL,
    buckets=(1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128, 256),
    registry=REGISTRY,
)
SPENT = Histogram("visop_model_seconds", "Time of a call of the model.", _MODEL, buckets=SECONDS, registry=REGISTRY)
DROPPED = Counter(
    "visop_dropped_before_model_total",
    "Inputs that nobody waited for any more when the model would have taken them.",
    _MODEL,
    registry=REGISTRY,
)
WAITING = Gauge("visop_queue_depth", "Inputs that wait for the model.", _MODEL, registry=REGISTRY)


#: Is told the kind of a model, and the inputs and seconds of its call, or 0 and 0.0 of an input that it was spared.
Follow = Callable[[str, int, float], object]
_following: list[Follow] = []


def follow_models(follow: Follow) -> None:
    """Have this told of what the models of this process do, to count it in another one, too."""
    _following.append(follow)


class ModelMetrics:
    """The metrics of one model.

    Args:
        model: its kind: ``encoder`` or ``processor``.
    """

    def __init__(self, model: str) -> None:
        self._model = model
        self._batch, self._spent = BATCH.labels(model), SPENT.labels(model)
        self._dropped, self._waiting = DROPPED.labels(model), WAITING.labels(model)

    def watch(self, depth: Callable[[], int]) -> None:
        """Ask this for the depth of the queue whenever somebody reads the metrics."""
        self._waiting.set_function(depth)

    def close(self) -> None:
        """Let go of what is watched. Nothing waits."""
        self._waiting.set_function(lambda: 0)

    def ran(self, items: int, span_s: float) -> None:
        """Count a call of the model."""
        self._batch.observe(items)
        self._spent.observe(span_s)
        self._tell(items, span_s)

    def dropped(self) -> None:
        """Count an input that the model is not given, because nobody waits for it."""
        self._dropped.inc()
        self._tell(0, 0.0)

    def _tell(self, items: int, span_s: float) -> None:
        for follow in _following:
            follow(self._model, items, span_s)


def waiting_now() -> dict[str, int]:
    """By the kind of each model of this process, how many inputs wait for it."""
    return {sample.labels["model"]: int(sample.value) for metric in WAITING.collect() for sample in metric.samples}
