"""One model thread that takes whatever waits, in batches. It knows no gRPC, no images and no framework.

The thread takes the next batch as soon as it is free, so an idle server adds no latency and a busy one fills its
batches. It counts items, not calls: a large call is split, small ones share a batch. How much may wait is bounded
where calls are admitted (``admission``), not here.

A job whose caller left is dropped when it is taken, never later: ``Future.set_running_or_notify_cancel`` decides
between a cancelling caller and this thread, so that a cancelled job cannot strand the rest of its batch.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from visop.errors import DeadlinePassed, ModelFailed, ShuttingDown, VisopError
from visop.metrics.model import ModelMetrics
from visop.serving.lanes import Lanes
from visop.serving.run_times import RunTimes
from visop.tracing.batches import trace_batch
from visop.tracing.current import error_name
from visop.tracing.spans import NONE, Attributes, Span

In = TypeVar("In")
Out = TypeVar("Out")

logger = logging.getLogger(__name__)

# For so long after a call bulk work is done in batches that are short: one that comes meanwhile has to wait for them.
_CALLED_S = 10.0
# Which take this much longer than one item alone, in seconds.
_SLACK_S = 0.01


@dataclass(eq=False)
class Job(Generic[In, Out]):
    """One input on its way through the stages of the pipeline. The stage that holds it ends it, exactly once.

    The caller's side only waits for ``future``, or cancels it.

    Attributes:
        deadline: on the clock of ``time.monotonic``; nobody waits for the result afterwards.
        on_end: called once, when no stage holds the job any more.
        item: what the model gets; set before the job reaches the batcher.
        spans_s: seconds by stage, for the log.
        batch_size: how many items shared the model call.
        bulk: whether others go first, for whom somebody waits.
        span: of the call that it is a part of; None where nothing is traced.
    """

    deadline: float
    on_end: Callable[[], None] = lambda: None
    item: In | None = None
    future: Future[Out] = field(default_factory=Future)
    spans_s: dict[str, float] = field(default_factory=dict)
    batch_size: int = 0
    bulk: bool = False
    span: Span | None = None
    queued_at: float = 0.0
    _ended: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def is_wanted(self) -> bool:
        """Whether somebody still waits; if not, the job is ended here."""
        if self.future.cancelled():
            self._end(lambda: None)
        elif time.monotonic() > self.deadline:
            self.fail(DeadlinePassed("the deadline passed before this input was served"))
        return not self._ended

    def claim(self) -> bool:
        """Take the job for good: from here on the caller cannot cancel it. False if nobody wants it any more."""
        if not self.is_wanted():
            return False
        if self.future.set_running_or_notify_cancel():
            return True
        self._end(lambda: None)
        return False

    @contextmanager
    def spending(self, stage: str, attributes: Attributes = NONE) -> Iterator[None]:
        """Count the time inside for a stage, in which the job may be several times.

        Args:
            stage: its name.
            attributes: what its span says beside the time.
        """
        started = time.monotonic()
        error = ""
        try:
            yield
        except BaseException as raised:
            error = error_name(raised)
            raise
        finally:
            self.spent(stage, started, attributes, error)

    def spent(self, stage: str, began: float, attributes: Attributes = NONE, error: str = "") -> None:
        """Count the time since ``began``, on the clock of ``time.monotonic``, for a stage. See ``spending``."""
        ended = time.monotonic()
        self.spans_s[stage] = self.spans_s.get(stage, 0.0) + ended - began
        if self.span is not None:
            self.span.stage(stage, began, ended, attributes, error=error)

    def at_end(self, call: Callable[[], None]) -> None:
        """Have this called, too, when no stage holds the job any more. For the stage that holds it."""
        before = self.on_end

        def both() -> None:
            before()
            call()

        self.on_end = both

    def finish(self, result: Out) -> None:
        """End the job with its result."""
        self._end(lambda: self.future.set_result(result))

    def fail(self, error: VisopError) -> None:
        """End the job with an error."""
        self._end(lambda: self.future.set_exception(error))

    def _end(self, settle: Callable[[], None]) -> None:
        with self._lock:
            if self._ended:
                return
            self._ended = True
        # A job that was claimed is running; any other is claimed now, unless its caller was faster.
        if self.future.running() or (not self.future.cancelled() and self.future.set_running_or_notify_cancel()):
            settle()
        self.on_end()


class Batcher(Generic[In, Out]):
    """Runs jobs on one thread, in batches. A context manager; closing it finishes what was submitted.

    Args:
        run: a batch of items to one result per item, in order; an ``VisopError`` in place of a result fails that
            item alone. If it raises, or answers another count, each item is run again by itself, so that one input
            that breaks the model does not fail its neighbours.
        max_batch: items per call of ``run``.
        max_wait_s: how long a batch that is not full waits for more.
        probe: raises if the model is broken. Called after a failure: it tells an input that the model cannot take
            from a model that is dead. As long as it fails it is called again every ``probe_interval_s``.
        stall_s: a call of ``run`` that takes longer than this counts as a dead model.
        canary_s: after so long without work it is called, too: what broke meanwhile is known before a call comes. 0
            never calls it then.
        kind: of the model, for metrics and traces.
    """

    def __init__(
        self,
        run: Callable[[list[In]], Sequence[Out | VisopError]],
        *,
        max_batch: int,
        max_wait_s: float = 0.0,
        probe: Callable[[], object] = lambda: None,
        probe_interval_s: float = 1.0,
        stall_s: float = 60.0,
        canary_s: float = 0.0,
        kind: str = "encoder",
    ) -> None:
        self._canary_s = canary_s
        self._run, self._probe = run, probe
        self._kind = kind
        self._metrics = ModelMetrics(kind)
        self._max_batch, self._max_wait_s = max_batch, max_wait_s
        self._probe_interval_s, self._stall_s = probe_interval_s, stall_s
        self._waiting: Lanes[Job[In, Out]] = Lanes()
        self._times = RunTimes()
        self._called_at = -math.inf  # when somebody last asked for what is not bulk work
        self._running: list[Job[In, Out]] = []
        self._changed = threading.Condition()
        self._closed = False
        self._broken = False
        self._busy_since: float | None = None
        self._late: Job[In, Out] | None = None
        self._metrics.watch(self._waiting.__len__)
        # A daemon, so that a model that never returns cannot keep the process alive after close().
        self._thread = threading.Thread(target=self._loop, name="visop-model", daemon=True)
        self._thread.start()

    def __enter__(self) -> Batcher[In, Out]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(self, *jobs: Job[In, Out]) -> None:
        """Queue jobs whose ``item`` is set, to share a batch; after ``close`` they fail with ``ShuttingDown``."""
        for job in jobs:
            job.queued_at = time.monotonic()
        with self._changed:
            if not self._closed:
                self._waiting.extend(jobs)
                if not all(job.bulk for job in jobs):
                    self._called_at = time.monotonic()
                self._changed.notify()
                return
        for job in jobs:
            job.fail(ShuttingDown("the operator is shutting down"))

    def trouble(self) -> str | None:
        """Why the model cannot be relied on now, or None if it can."""
        if not self._thread.is_alive():
            return "the model thread has ended"
        if self._broken:
            return "the model failed its last check"
        return "the model has not answered for too long" if self._is_stalled() else None

    def hangs(self) -> bool:
        """Whether it is in a trouble that nothing but a new process ends."""
        return self._is_stalled() or (not self._thread.is_alive() and not self._closed)

    def _is_stalled(self) -> bool:
        busy_since = self._busy_since
        return busy_since is not None and time.monotonic() - busy_since > self._stall_s

    def close(self, timeout_s: float = 30.0) -> None:
        """Finish what was submitted, then stop. What is not done in time fails with ``ShuttingDown``. Idempotent."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._metrics.close()
        self._thread.join(timeout_s)
        if not self._thread.is_alive():
            return
        logger.error("the model did not finish within %.1f s of closing", timeout_s)
        with self._changed:
            left = [*self._running, *self._waiting.clear()]
        for job in left:
            job.fail(ShuttingDown("the operator shut down before this input was served"))

    def _loop(self) -> None:
        while (batch := self._take()) is not None:
            if batch:
                self._serve(batch)
            else:
                self._busy_since = time.monotonic()
                self._check()
                self._busy_since = None
            del batch  # so that nothing is kept while waiting for the next one

    def _take(self) -> list[Job[In, Out]] | None:
        """Wait for work; None when closed and drained; empty when it is time to probe the model."""
        with self._changed:
            while True:
                probe_in_s = self._probe_interval_s if self._broken else self._canary_s or None
                self._changed.wait_for(lambda: self._waiting or self._closed, probe_in_s)
                if not self._waiting:
                    return None if self._closed else []
                self._wait_for_more()
                self._running = self._batch()
                if self._running:  # and not all were dropped
                    return self._running

    def _batch(self) -> list[Job[In, Out]]:
        """The jobs of the next batch: what somebody waits for, and bulk work as far as that makes nobody wait longer.

        Every few batches bulk work comes first, though.
        """
        batch: list[Job[In, Out]] = []
        bulk_first = self._waiting.begin()
        self._fill(batch, self._bulk_room() if bulk_first else self._max_batch, bulk=bulk_first)
        if not bulk_first and len(batch) < self._max_batch:
            self._fill(batch, self._times.most_within(self._longest_s(len(batch)), self._max_batch), bulk=True)
        if not batch and self._late is not None and self._late.claim():
            batch.append(self._late)  # though it will be late: nothing else would show that the model is faster again
        self._drop_late()
        return batch

    def _fill(self, batch: list[Job[In, Out]], most: int, *, bulk: bool) -> None:
        """Take jobs of one lane, and drop those that nobody waits for until they would be done."""
        ends = time.monotonic() + self._times.expected(max(1, min(most, len(self._waiting))))
        while len(batch) < most and (job := self._waiting.pop(bulk=bulk)) is not None:
            if ends > job.deadline and job.is_wanted():
                self._drop_late()
                self._late = job
            elif job.claim():
                batch.append(job)
            else:
                self._metrics.dropped()

    def _drop_late(self) -> None:
        """End the job that was found to come too late."""
        job, self._late = self._late, None
        if job is not None and not job.future.running():
            self._metrics.dropped()
            job.fail(DeadlinePassed("the deadline would have passed before this input was served"))

    def _bulk_room(self) -> int:
        """How large a batch of bulk work may be. While others call, none of them should wait for it long."""
        most = self._times.worthwhile(self._max_batch)
        is_alone = time.monotonic() - self._called_at > _CALLED_S
        return most if is_alone else self._times.most_within(self._longest_s(1), most)

    def _longest_s(self, size: int) -> float:
        return self._times.expected(max(1, size)) + _SLACK_S

    def wait_s(self) -> float:
        """How long a job that is no bulk work would wait now, as far as is known, in seconds."""
        return self._waiting.first * self._times.per_item()

    def _wait_for_more(self) -> None:
        patience_s = self._waiting.oldest() + self._max_wait_s - time.monotonic()
        if patience_s > 0:
            self._changed.wait_for(lambda: len(self._waiting) >= self._max_batch or self._closed, patience_s)

    def _serve(self, batch: list[Job[In, Out]]) -> None:
        started = self._busy_since = time.monotonic()
        results, all_well = self._results([job.item for job in batch])  # type: ignore[misc]  # items are set
        ran_s = time.monotonic() - started
        self._metrics.ran(len(batch), ran_s)
        self._times.note(len(batch), ran_s)
        trace_batch(batch, results, started, started + ran_s, {"visop.model": self._kind})
        if not all_well:
            self._check()  # first, so that a caller who sees the failure and asks for health learns the truth
        for job, result in zip(batch, results, strict=True):
            job.batch_size = len(batch)
            job.spans_s |= {"queue": started - job.queued_at, "model": ran_s}
            if isinstance(result, VisopError):
                job.fail(result)
            else:
                job.finish(result)
        self._running = []
        self._busy_since = None

    def _results(self, items: list[In]) -> tuple[Sequence[Out | VisopError], bool]:
        """Results for all items, and whether the model did well."""
        try:
            results = self._run(items)
            if len(results) != len(items):
                raise ModelFailed(f"{len(results)} results for {len(items)} items")
        except BaseException as error:  # this thread serves everybody: no user code may end it
            trace = None if isinstance(error, ModelFailed) else error  # what we find ourselves needs none
            logger.error("the model failed on a batch of %d: %s", len(items), _detail(error), exc_info=trace)
            if len(items) == 1:
                return [error if isinstance(error, ModelFailed) else ModelFailed(_detail(error))], False
            return [self._results([item])[0][0] for item in items], False
        failures = [result for result in results if isinstance(result, ModelFailed)]
        for failure in failures:
            logger.error("the model failed on one input of %d: %s", len(items), failure.detail)
        return results, not failures

    def _check(self) -> None:
        try:
            self._probe()
        except BaseException as error:  # noqa: BLE001 - as above
            if not self._broken:
                logger.error("the model is broken: %s", _detail(error))
            self._broken = True
        else:
            if self._broken:
                logger.warning("the model works again")
            self._broken = False


def _detail(error: BaseException) -> str:
    return error.detail if isinstance(error, ModelFailed) else f"{type(error).__name__}: {error}"
