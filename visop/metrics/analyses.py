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


class _Depth(Collector):
    def __init__(self, ask: Callable[[], Mapping[str, float]]) -> None:
        self._ask = ask

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """So that the registry asks nobody for names."""
        return [GaugeMetricFamily(*each) for each in ANALYSES.values()]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Nothing while the database does not answer, so that no alert takes an old number for a new one."""
        try:
            found = self._ask()
        except VisopError as error:
            logger.warning("the queue cannot be counted now: %s", error)
            return
        for key, (name, text) in ANALYSES.items():
            yield GaugeMetricFamily(name, text, found[key])


@contextmanager
def watched_analyses(ask: Callable[[], Mapping[str, float]]) -> Iterator[None]:
    """Show what waits, for as long as the service runs.

    Args:
        ask: counts; raises VisopError while it cannot.
    """
    depth = _Depth(ask)
    REGISTRY.register(depth)
    try:
        yield
    finally:
        REGISTRY.unregister(depth)
