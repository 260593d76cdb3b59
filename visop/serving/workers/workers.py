"""Have all workers running: start them, hear what they say, and replace those that end."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from visop.errors import ModelFailed, Unreachable, VisopError
from visop.metrics.workers import WorkerMetrics
from visop.serving.watchdog import STATUS
from visop.serving.workers.dispatch import Dispatch
from visop.serving.workers.messages import Configure, Decoded, Done, Failed, Ready, Served, State, Stop
from visop.serving.workers.plan import WorkerShare, settings_of_worker
from visop.serving.workers.restarts import Restarts
from visop.serving.workers.worker import Worker
from visop.settings import Settings

logger = logging.getLogger(__name__)

# Threads in which pictures are shown that somebody wants to see.
_SHOWING = 4
# For workers to end after their last call, which had its time before.
_CLOSE_S = 10.0
_WATCH_S = 1.0


class Workers:
    """A context manager: starts workers, and ends them after their calls.

    The first one is started alone: what is wrong with the settings shows once, and it leaves the compiled model in the
    cache for the others.

    Args:
        shares: what each has of the machine.
        settings: of all.
        one_peer: as of ``Pipeline``.
        restarts: how those that ended are replaced.

    Attributes:
        dispatch: gives them calls.
    """

    def __init__(
        self,
        shares: Sequence[WorkerShare],
        settings: Settings,
        *,
        one_peer: bool = False,
        restarts: Restarts | None = None,
    ) -> None:
        self._settings, self._one_peer, self._restarts = settings, one_peer, restarts or Restarts()
        self.dispatch = Dispatch()
        self._changed = threading.Condition()
        self._served: Served | None = None
        self._error: VisopError | None = None
        self._early = 0
        self._closing = threading.Event()
        self._showing = ThreadPoolExecutor(_SHOWING, "visop-showing")
        self._metrics = WorkerMetrics(len(shares), self.dispatch.facts)
        self._threads = [
            threading.Thread(target=self._keep, args=(share,), name=f"visop-keep-{share.number}", daemon=True)
            for share in shares
        ]
        self._watch = threading.Thread(target=self._watch_silent, name="visop-watch-workers", daemon=True)

    def __enter__(self) -> Workers:
        sys.path[:0] = [] if os.getcwd() in sys.path else [os.getcwd()]  # for results of types of the user's own
        try:
            self._threads[0].start()
            with self._changed:
                self._changed.wait_for(lambda: self._served or self._error)
            if self._error is not None:
                raise self._error
        except BaseException:
            self.close()
            raise
        for thread in (*self._threads[1:], self._watch):
            thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    @property
    def served(self) -> Served:
        """What all of them serve. Raises Unreachable before the first one is ready."""
        if self._served is None:
            raise Unreachable("no worker is running")
        return self._served

    @property
    def count(self) -> int:
        """How many there are to be."""
        return len(self._threads)

    def close(self) -> None:
        """Let all workers finish what they have, and end them. Idempotent."""
        self._closing.set()
        for worker in self.dispatch.workers:
            worker.send(Stop())
            if not worker.is_ready:
                worker.kill()
        started = [thread for thread in self._threads if thread.ident is not None]
        ends = time.monotonic() + _CLOSE_S
        for thread in started:
            thread.join(max(0.0, ends - time.monotonic()))
        for worker in self.dispatch.workers:
            worker.kill()
        for thread in started:
            thread.join()
        self._showing.shutdown(wait=False)
        self._metrics.close()

    def _keep(self, share: WorkerShare) -> None:
        """Have one worker running, one after the other, and do what they say.

        Always in the same thread: the kernel takes the end of that which started a process for that of its parent.
        """
        while not self._closing.is_set():
            try:
                worker = Worker(share, self._told(share), self._restarts.silence_s)
            except OSError as error:  # the system gives no process
                self._replace(share.number, f"cannot be started: {error.strerror}", None, lived=False)
                continue
            self.dispatch.add(worker)
            if self._closing.is_set():
                worker.kill()
            failure = self._hear(worker)
            status = worker.wait()
            self.dispatch.remove(worker, closing=self._closing.is_set)
            lived = worker.is_ready and time.monotonic() - worker.started > self._restarts.early_s
            self._replace(share.number, f"ended with status {status}", failure, lived=lived)

    def _told(self, share: WorkerShare) -> Configure:
        settings = settings_of_worker(self._settings, share, self.count)
        level = logging.getLevelName(logging.getLogger().getEffectiveLevel())
        return Configure(share.number, settings, share.cpus, self._one_peer, list(sys.path), level)

    def _hear(self, worker: Worker) -> VisopError | None:
        """Until it is gone; why it said that it cannot serve, or None."""
        failure: VisopError | None = None
        try:
            while True:
                message = worker.receive()
                if isinstance(message, Failed):
                    failure = message.error
                elif isinstance(message, Ready):
                    failure = self._ready(worker, message)
                else:
                    self._take(worker, message)
                del message  # which may be large
        except (EOFError, OSError):
            return failure
        except Exception as error:  # such as a result of a type of the user's that cannot be imported here
            logger.exception("what worker %d says cannot be read", worker.number)
            worker.kill()
            return ModelFailed(f"what it says cannot be read: {error}")

    def _ready(self, worker: Worker, message: Ready) -> VisopError | None:
        with self._changed:
            self._served = self._served or message.served
            if message.served != self._served:
                worker.kill()
                return ModelFailed("it serves something else than the others: files were changed meanwhile")
            logger.info("worker %d is ready after %.1f s", worker.number, time.monotonic() - worker.started)
            worker.started = time.monotonic()
            worker.is_ready = True
            self._changed.notify_all()
        return None

    def _take(self, worker: Worker, message: Decoded | Done | State) -> None:
        if isinstance(message, State):
            worker.state = message
            self._metrics.said(message)
        elif isinstance(message, Done):
            self.dispatch.done(worker, message)
        elif call := self.dispatch.call(message.call):
            self._showing.submit(lambda: worker.send(call.see(message)))

    def _replace(self, number: int, how: str, failure: VisopError | None, *, lived: bool) -> None:
        """Wait before the worker is started that follows one that ended, if there is to be one."""
        if self._served is None:
            with self._changed:
                self._error = failure or ModelFailed(f"a worker {how} before it was ready")
                self._changed.notify_all()
            self._closing.wait()
        if self._closing.is_set():
            return
        with self._changed:
            self._early = 0 if lived else self._early + 1
        why = f"{how} ({getattr(failure, 'detail', failure)})" if failure else how
        if self._early > self._restarts.most and not any(each.is_ready for each in self.dispatch.workers):
            logger.critical("worker %d %s, as others did before it, and none serves", number, why)
            logging.shutdown()
            self._restarts.end(STATUS)
        wait_s = self._restarts.wait_s(self._early)
        logger.error("worker %d %s; another one is started in %g s", number, why, wait_s)
        self._metrics.restarted(number)
        self._closing.wait(wait_s)

    def _watch_silent(self) -> None:
        """Kill a worker that says nothing for so long as a model may hang: no thread of its own can."""
        limit_s = self._settings.hang_exit_s
        while limit_s and not self._closing.wait(_WATCH_S):
            for worker in self.dispatch.workers:
                if worker.is_ready and worker.silent_s() > limit_s:
                    logger.critical("worker %d has said nothing for %g s and is killed", worker.number, limit_s)
                    worker.kill()
