"""What the workers of a server do: how many there are, and what each has in hand."""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Protocol

from prometheus_client import Counter, Gauge

from visop.metrics.model import BATCH, DROPPED, SPENT, WAITING
from visop.metrics.registry import REGISTRY

_STATES = ("starting", "ready", "troubled", "ended")

WORKERS = Gauge(
    "visop_workers",
    "Processes with the model: that load it (starting), take calls (ready), get none although they run (troubled), or "
    "ended and will be replaced (ended). None where one process serves alone.",
    ["state"],
    registry=REGISTRY,
)
RESTARTS = Counter(
    "visop_worker_restarts_total", "Workers that ended and were replaced.", ["worker"], registry=REGISTRY
)
ITEMS = Gauge("visop_worker_items_in_flight", "Inputs that a worker has in hand.", ["worker"], registry=REGISTRY)
MEMORY = Gauge("visop_worker_resident_bytes", "Resident memory of a worker.", ["worker"], registry=REGISTRY)


class Said(Protocol):
    """What a worker says of itself.

    Attributes:
        memory: resident, in bytes.
        waiting: by the kind of a model, inputs that wait for it.
        runs: as ``visop.metrics.model.follow_models`` tells them.
    """

    @property
    def memory(self) -> int: ...  # noqa: D102
    @property
    def waiting(self) -> dict[str, int]: ...  # noqa: D102
    @property
    def runs(self) -> Sequence[tuple[str, int, float]]: ...  # noqa: D102


class WorkerMetrics:
    """The metrics of all workers of a server.

    Args:
        count: how many there are to be.
        now: number, state, what it said, and inputs in hand of each that runs.
    """

    def __init__(self, count: int, now: Callable[[], Iterable[tuple[int, str, Said, int]]]) -> None:
        self._count, self._now = count, now
        self._models: set[str] = set()
        for state in _STATES:
            WORKERS.labels(state).set_function(partial(self._in_state, state))
        for number in range(count):
            RESTARTS.labels(str(number))
            ITEMS.labels(str(number)).set_function(partial(self._items, number))
            MEMORY.labels(str(number)).set_function(partial(self._memory, number))

    def restarted(self, number: int) -> None:
        """Count a worker that ended and is replaced."""
        RESTARTS.labels(str(number)).inc()

    def said(self, said: Said) -> None:
        """Count what the models of a worker did."""
        for model in said.waiting.keys() - self._models:
            self._models.add(model)
            WAITING.labels(model).set_function(partial(self._waiting, model))
        for model, items, span_s in said.runs:
            if items:
                BATCH.labels(model).observe(items)
                SPENT.labels(model).observe(span_s)
            else:
                DROPPED.labels(model).inc()

    def close(self) -> None:
        """Let go of the workers."""
        WORKERS.clear()
        ITEMS.clear()
        MEMORY.clear()
        for model in self._models:
            WAITING.labels(model).set_function(lambda: 0)

    def _in_state(self, state: str) -> int:
        states = Counts(each for _, each, _, _ in self._now())
        return self._count - states.total() if state == "ended" else states[state]

    def _items(self, number: int) -> int:
        return sum(items for each, _, _, items in self._now() if each == number)

    def _memory(self, number: int) -> int:
        return sum(said.memory for each, _, said, _ in self._now() if each == number)

    def _waiting(self, model: str) -> int:
        return sum(said.waiting.get(model, 0) for _, _, said, _ in self._now())
