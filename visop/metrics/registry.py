"""The registry, and its text for whoever asks."""

from __future__ import annotations

import platform

from prometheus_client import (
    CollectorRegistry,
    Gauge,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder

from visop import __version__
from visop.tracing.spans import Span

# A series more for each series, which says when it began: PromQL has no use for it.
disable_created_metrics()  # type: ignore[no-untyped-call]

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)  # process_*: memory, CPU time, open files, start
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)

#: Upper bounds of histograms, in seconds: from a small picture in a warm cache to a call at its deadline.
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

_BUILD = Gauge("visop_build_info", "The software that runs; always 1.", ["version", "python"], registry=REGISTRY)
_BUILD.labels(__version__, platform.python_version()).set(1)


def exemplar(span: Span | None) -> dict[str, str] | None:
    """What leads from an observation to its trace, for scrapers that ask for OpenMetrics."""
    return {"trace_id": span.trace_id} if span is not None and span.is_recorded else None


def exposition(accept: str = "") -> tuple[bytes, str]:
    """Return all metrics as text, and its media type.

    Args:
        accept: the header of the request: OpenMetrics if it asks for that, else the older form of Prometheus.
    """
    encode, media_type = choose_encoder(accept)
    return encode(REGISTRY), media_type
