"""What the log says of one call: one line, the same over gRPC and over HTTP."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Sequence

from grpc import ServicerContext, StatusCode

from visop.errors import VisopError
from visop.metrics.pictures import count_refusal
from visop.rpc.statuses import code_of
from visop.serving.logs import log_event
from visop.serving.pipeline import Call
from visop.serving.steps import Result
from visop.tracing.current import current

logger = logging.getLogger("visop.request")


class RequestLog:
    """Gathers what happened in one call, for its line in the log.

    Attributes:
        request_id: the caller's, or a new one.
    """

    def __init__(self, rpc: str, request_id: str, peer: str) -> None:
        self.request_id = request_id
        self._rpc, self._peer, self._started = rpc, peer, time.monotonic()
        self._items = self._failed = self._largest_batch = 0
        self._spans_s: dict[str, float] = {}
        self._span = current()

    def add(self, call: Call, results: Sequence[Result | VisopError]) -> None:
        """Take note of inputs that were served."""
        self._items += len(results)
        self._failed += sum(isinstance(result, VisopError) for result in results)
        self._largest_batch = max([self._largest_batch, *(job.batch_size for job in call.jobs)])
        for stage, span in call.spans_s().items():
            self._spans_s[stage] = self._spans_s.get(stage, 0.0) + span

    def timing(self) -> str:
        """What is known of the time until now, by stage, as the header ``Server-Timing`` says it (in ms).

        https://www.w3.org/TR/server-timing/
        """
        spans = self._spans_s | {"total": time.monotonic() - self._started}
        times = [f"{stage};dur={_ms(span)}" for stage, span in spans.items()]
        context = self._span.headers().get("traceparent") if self._span else None
        return ", ".join([*times, f'traceparent;desc="{context}"'] if context else times)

    def end(self, code: str, error: VisopError | None = None) -> None:
        """Write the line; as a warning if the operator failed, and not the caller. Counts refusals."""
        if error is not None:
            count_refusal(error)
        level = logging.WARNING if error is not None and code_of(error) is StatusCode.INTERNAL else logging.INFO
        if not logger.isEnabledFor(level):
            return
        fields: dict[str, object] = {"id": self.request_id, "rpc": self._rpc, "code": code, "peer": self._peer}
        fields |= {"trace_id": self._span.trace_id} if self._span else {}
        fields |= {"items": self._items, "failed": self._failed, "batch": self._largest_batch}
        fields["ms"] = _ms(time.monotonic() - self._started)
        fields |= {f"{stage}_ms": _ms(span) for stage, span in self._spans_s.items()}
        if error is not None:
            fields["error"] = str(error)
        log_event(logger, level, "call", fields)


def _ms(span_s: float) -> float:
    return round(span_s * 1000, 1)


#: The name of the header or metadata that has it.
REQUEST_ID = "x-request-id"
#: The same of ``RequestLog.timing``.
TIMING = "server-timing"


def request_id_of(given: object) -> str:
    """The caller's ``x-request-id`` if it is harmless in a log, else a new one."""
    if isinstance(given, str) and re.fullmatch(r"[\w.:-]{1,64}", given, re.ASCII):
        return given
    return uuid.uuid4().hex[:16]


def request_id_of_call(context: ServicerContext) -> str:
    """The id of a call over gRPC, as ``request_id_of``."""
    return request_id_of(dict(context.invocation_metadata()).get(REQUEST_ID))
