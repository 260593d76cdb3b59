"""What a running operator is to work on: sent in several calls at a time, each with the deadline of its caller."""

from __future__ import annotations

import copy
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from visop.client.running import ExecuteCall
from visop.errors import CallerGone, DeadlinePassed, ImageTooLarge, ModelFailed, ShuttingDown, Unreachable, VisopError
from visop.rpc import rpc_pb2
from visop.serving.batcher import Job
from visop.serving.remote.operator import Read, RemoteOperator
from visop.serving.remote.watch import Watch
from visop.serving.remote.wire import CropsNeeded
from visop.tracing.grpc_calls import calling

logger = logging.getLogger(__name__)

Out = TypeVar("Out")

#: Makes the file that is sent. Called just before that, so that no more files are held than are under way.
MakeFile = Callable[[], bytes]
RemoteJob = Job[MakeFile, Out]

EXECUTE = "/omnisearch.Operator/Execute"
# Calls at a time. With the size of a request, this bounds the bytes under way.
_CALLS = 8


class RemoteCalls(Generic[Out]):
    """Stands where the ``Batcher`` of a model in this process does: takes jobs, and ends them.

    Inputs share a request only if they have the same deadline, which those of one call have: it is the deadline of the
    request, and when nobody waits for them any more, the request is cancelled.

    Args:
        operator: connected.
        read: a reply to so many inputs -> one result or error for each, in order.
        stall_s: an operator that has answered nothing for longer than this counts as hanging.
    """

    def __init__(self, operator: RemoteOperator, read: Read[Out], *, stall_s: float = 60.0) -> None:
        self._operator, self._read, self._stall_s = operator, read, stall_s
        self._silent_since: float | None = None
        self._watch = Watch(operator, operator.interval_s)
        self._waiting: deque[RemoteJob[Out]] = deque()
        self._running: set[RemoteJob[Out]] = set()
        self._calls: set[ExecuteCall] = set()
        self._changed = threading.Condition()
        self._closed = False
        # Daemons, so that an operator that never answers cannot keep the process alive after close().
        self._threads = [
            threading.Thread(target=self._loop, name=f"visop-{operator.kind}", daemon=True) for _ in range(_CALLS)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, *jobs: RemoteJob[Out]) -> None:
        """Queue jobs whose ``item`` is set, to share requests; after ``close`` they fail with ``ShuttingDown``."""
        for job in jobs:
            job.queued_at = time.monotonic()
        with self._changed:
            if not self._closed:
                self._waiting.extend(jobs)
                self._changed.notify(len(jobs))
                return
        for job in jobs:
            job.fail(ShuttingDown("the operator is shutting down"))

    def trouble(self) -> str | None:
        """Why the operator cannot be relied on now, or None if it can."""
        return self._watch.trouble() or self._silence()

    def hangs(self) -> bool:
        """Never: it is another process that would have to be a new one."""
        return False

    def wait_s(self) -> float:
        """Not known: the other process has its own queue, and refuses what comes too late."""
        return 0.0

    def _silence(self) -> str | None:
        """Said while calls are under way: without any, nobody knows."""
        since = self._silent_since
        if since is None or not self._calls or time.monotonic() - since <= self._stall_s:
            return None
        return f"{self._operator.name} has not answered for {self._stall_s:g} s"

    def close(self, timeout_s: float = 30.0) -> None:
        """Finish what was submitted, then stop. What is not done in time fails with ``ShuttingDown``. Idempotent."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        ends = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, ends - time.monotonic()))
        self._watch.close()
        with self._changed:
            left, calls = [*self._running, *self._waiting], list(self._calls)
            self._waiting.clear()
        for job in left:
            job.fail(ShuttingDown("the operator shut down before this input was served"))
        for call in calls:
            call.cancel()

    def _loop(self) -> None:
        while (jobs := self._take()) is not None:
            try:
                self._serve(jobs)
            except BaseException as error:  # this thread serves everybody
                logger.exception("a call of %s failed", self._operator.name)
                _fail(jobs, ModelFailed(f"{type(error).__name__}: {error}"))
            with self._changed:
                self._running.difference_update(jobs)
            del jobs  # so that nothing is kept while waiting for the next ones

    def _take(self) -> list[RemoteJob[Out]] | None:
        """Wait for inputs with one deadline; None when closed and drained."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if not self._waiting:
                return None
            jobs = [self._waiting.popleft()]
            most, deadline = self._operator.max_files, jobs[0].deadline
            while self._waiting and len(jobs) < most and self._waiting[0].deadline == deadline:
                jobs.append(self._waiting.popleft())
            self._running.update(jobs)
            return jobs

    def _serve(self, jobs: Sequence[RemoteJob[Out]]) -> None:
        """Send them, in as many requests as their size makes necessary."""
        ready: list[RemoteJob[Out]] = []
        files: list[bytes] = []
        for job in jobs:
            if (file := self._file_of(job)) is None:
                continue
            if files and sum(map(len, files)) + len(file) > self._operator.pack_bytes:
                self._send(ready, files)
                ready, files = [], []
            ready.append(job)
            files.append(file)
        if files:
            self._send(ready, files)

    def _file_of(self, job: RemoteJob[Out]) -> bytes | None:
        """The file of a job; None if it has ended."""
        make, job.item = job.item, None
        if make is None or not job.is_wanted():
            return None
        try:
            file, limit = make(), self._operator.max_file_bytes
            if len(file) > limit:
                raise ImageTooLarge(f"{len(file):,} bytes; {self._operator.name} takes {limit:,}")
            return file
        except VisopError as error:
            job.fail(error)
        except BaseException as error:  # this thread serves everybody
            logger.exception("a part could not be made a file")
            job.fail(ModelFailed(f"{type(error).__name__}: {error}"))
        return None

    def _send(self, jobs: Sequence[RemoteJob[Out]], files: Sequence[bytes]) -> None:
        started = time.monotonic()
        if (span := jobs[0].span) is not None:
            span.stage("queue", jobs[0].queued_at, started)
        self._silent_since = self._silent_since or started
        results = self._results(jobs, files, started)
        if not all(isinstance(result, DeadlinePassed | CallerGone) for result in results):
            self._silent_since = None
        for job, result in zip(jobs, results, strict=True):
            job.batch_size = len(jobs)
            job.spans_s |= {"queue": started - job.queued_at, self._operator.kind: time.monotonic() - started}
            if isinstance(result, VisopError):
                self._log(result)
                job.fail(result)
            else:
                job.finish(result)

    def _results(
        self, jobs: Sequence[RemoteJob[Out]], files: Sequence[bytes], started: float
    ) -> Sequence[Out | VisopError]:
        if refusal := self._watch.refusal():
            return [copy.copy(refusal) for _ in jobs]
        deadline = jobs[0].deadline
        try:
            with calling(EXECUTE, self._operator.target, of=jobs[0].span) as metadata:
                call = self._operator.begin(files, max(0.001, deadline - started), metadata)
                return self._read(self._reply(call, jobs), len(jobs))
        except VisopError as error:
            if isinstance(error, CropsNeeded) and self._operator.needs_crops():
                return self._results(jobs, files, started)
            if isinstance(error, Unreachable):
                self._watch.ask_now()
            told = self._operator.told(error, deadline)
        if isinstance(told, ModelFailed) and len(jobs) > 1:  # perhaps on one of them
            return [self._results([job], [file], started)[0] for job, file in zip(jobs, files, strict=True)]
        return [copy.copy(told) for _ in jobs]

    def _reply(self, call: ExecuteCall, jobs: Sequence[RemoteJob[Out]]) -> rpc_pb2.ExecuteReply:
        def cancel_if_unwanted(_: object) -> None:
            if all(job.future.done() for job in jobs):
                call.cancel()

        with self._changed:
            self._calls.add(call)
        try:
            for job in jobs:
                job.future.add_done_callback(cancel_if_unwanted)
            return call.reply()
        finally:
            with self._changed:
                self._calls.discard(call)

    def _log(self, error: VisopError) -> None:
        if isinstance(error, ModelFailed):
            logger.error("%s failed on one input: %s", self._operator.name, error.detail)


def _fail(jobs: Sequence[Job[MakeFile, Out]], error: VisopError) -> None:
    for job in jobs:
        job.fail(copy.copy(error))
