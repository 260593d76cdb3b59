"""Send spans to the collector; where it does not take them, say so once, and go on without."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

logger = logging.getLogger("visop.tracing")

# What these log, over and over while a collector is away, is said here once.
_LOUD = ("opentelemetry.exporter", "opentelemetry.sdk._shared_internal")


class QuietExporter(SpanExporter):
    """Tells when a collector goes away and when it is back, one line each.

    Args:
        exporter: sends.
        shown: where the collector is, for the log.
    """

    def __init__(self, exporter: SpanExporter, shown: str) -> None:
        self._exporter, self._shown, self._is_away = exporter, shown, False
        for name in _LOUD:
            logging.getLogger(name).setLevel(logging.CRITICAL)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans, in the one thread that does."""
        result = self._exporter.export(spans)
        if result is not SpanExportResult.SUCCESS and not self._is_away:
            logger.warning("the collector of traces %s takes none; they are dropped until it does", self._shown)
        elif result is SpanExportResult.SUCCESS and self._is_away:
            logger.info("the collector of traces %s takes them again", self._shown)
        self._is_away = result is not SpanExportResult.SUCCESS
        return result

    def shutdown(self) -> None:
        """Send nothing more."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing is kept here."""
        return self._exporter.force_flush(timeout_millis)
