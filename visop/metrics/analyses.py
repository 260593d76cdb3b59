"""What waits to be analysed: asked for when somebody reads the metrics."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from visop.errors import VisopError
from visop.metrics.registry import REGISTRY

logger = logging.getLogger(__name__)

#: Name and meaning of each, by what it is asked by.
ANALYSES = {
    "queued": ("visop_analyses_queued", "Analyses that wait for a worker; those of paused jobs wait for nobody."),
    "running": ("visop_analyses_running", "Analyses that are being made."),
    "oldest_s": ("visop_analyses_oldest_seconds", "For how long the one has waited that has waited longest."),
}


Ask = Callable[[], Mapping[str, float]]


class _Depth(Collector):
    """Of the service that was started last and runs still."""

    def __init__(self) -> None:
        self.asks: list[Ask] = []

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """So that the registry asks nobody for names."""
        return [GaugeMetricFamily(*each) for each in ANALYSES.values()]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Nothing while the database does not answer, so that no alert takes an old number for a new one."""
        try:
            found = self.asks[-1]() if self.asks else {}
        except VisopError as error:
            logger.warning("the queue cannot be counted now: %s", error)
            return
        for key, value in found.items():
            yield GaugeMetricFamily(*ANALYSES[key], value)


_DEPTH = _Depth()
REGISTRY.register(_DEPTH)


@contextmanager
def watched_analyses(ask: Ask) -> Iterator[None]:
    """Show what waits, for as long as the service runs.

    Args:
        ask: counts, by the names of ``ANALYSES``; raises VisopError while it cannot.
    """
    _DEPTH.asks.append(ask)
    try:
        yield
    finally:
        _DEPTH.asks.remove(ask)
