"""All workers: which gets a call, and what happens when one ends."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from visop.errors import ModelFailed, Unreachable, VisopError
from visop.metrics.workers import WorkerMetrics
from visop.serving.watchdog import STATUS
from visop.serving.workers.messages import Cancel, Configure, Decoded, Done, Failed, Ready, Served, State, Stop
from visop.serving.workers.plan import WorkerShare, settings_of_worker
from visop.serving.workers.worker import Worker
from visop.serving.workers.worker_call import WorkerCall
from visop.settings import Settings

logger = logging.getLogger(__name__)

# Workers that call a call their own, one after the other: what ended the first may end the next.
_MOST_TRIES = 2
# Threads in which pictures are shown that somebody wants to see.
_SHOWING = 4
_CLOSE_S = 5.0
_WATCH_S = 1.0


@dataclass(frozen=True)
class Restarts:
    """How workers that ended are replaced.

    Attributes:
        first_s, most_s: how long to wait before that, in seconds: doubled with each that ended early in a row.
        early_s: one that served for less than this ended early.
        most: with none that serves, and so many that ended early in a row, the front process ends, too.
        end: ends it, with a status.
    """

    first_s: float = 0.25
    most_s: float = 30.0
    early_s: float = 60.0
    most: int = 5
    end: Callable[[int], object] = os._exit

    def wait_s(self, early: int) -> float:
        """Before the next start, after so many that ended early."""
        return min(self.first_s * 2.0 ** (early - 1), self.most_s) if early else 0.0


class Workers:
    """Starts workers, gives them calls and replaces them. A context manager.

    The first one is started alone: what is wrong with the settings shows once, and it leaves the compiled model in the
    cache for the others.

    Args:
        shares: what each has of the machine.
        settings: of all.
        one_peer: as of ``Pipeline``.
        restarts: how those that ended are replaced.
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
        self._changed = threading.Condition()
        self._workers: dict[int, Worker] = {}
        self._calls: dict[int, WorkerCall] = {}
        self._served: Served | None = None
        self._error: VisopError | None = None
        self._turn = self._early = 0
        self._closing = threading.Event()
        self._showing = ThreadPoolExecutor(_SHOWING, "visop-showing")
        self._metrics = WorkerMetrics(len(shares), self._facts)
        self._threads = [
            threading.Thread(target=self._keep, args=(share,), name=f"visop-keep-{share.number}", daemon=True)
            for share in shares
        ]
        self._watch = threading.Thread(target=self._watch_silent, name="visop-watch-workers", daemon=True)

    def __enter__(self) -> Workers:
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

    @property
    def ready(self) -> int:
        """How many take calls now."""
        with self._changed:
            return sum(worker.trouble() is None for worker in self._workers.values())

    def trouble(self) -> str | None:
        """Why no call can be served now, or None if one worker can."""
        with self._changed:
            troubles = [worker.trouble() for worker in self._workers.values()]
        if not troubles:
            return "no worker is running"
        return None if None in troubles else next(filter(None, troubles))

    def begin(self, call: WorkerCall) -> None:
        """Give a call to the worker that has the fewest inputs in hand; of equal ones, to each in turn.

        Raises:
            Unreachable: no worker can serve it.
        """
        with self._changed:
            worker = self._least_loaded()
            self._calls[call.number] = call
            worker.calls.add(call.number)
            worker.inputs += len(call.inputs)
            call.tries += 1
            worker.send(call.begin)

    def cancel(self, number: int) -> None:
        """Nobody waits for a call any more."""
        with self._changed:
            worker = self._worker_of(number)
            if worker is not None:
                worker.send(Cancel(number))

    def close(self) -> None:
        """Let all workers finish what they have, and end them. Idempotent."""
        self._closing.set()
        with self._changed:
            for worker in self._workers.values():
                worker.send(Stop())
                if not worker.is_ready:
                    worker.kill()
        ends = time.monotonic() + min(_CLOSE_S, self._settings.drain_timeout_s) + _CLOSE_S
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, ends - time.monotonic()))
        with self._changed:
            left = list(self._workers.values())
        for worker in left:
            worker.kill()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()
        self._showing.shutdown(wait=False)
        self._metrics.close()

    def _least_loaded(self) -> Worker:
        fit = [worker for worker in self._workers.values() if worker.trouble() is None]
        if not fit:
            raise Unreachable(self._why_none())
        least = min(worker.inputs for worker in fit)
        numbers = sorted(worker.number for worker in fit if worker.inputs == least)
        self._turn = next((number for number in numbers if number > self._turn), numbers[0])
        return self._workers[self._turn]

    def _why_none(self) -> str:
        return next(filter(None, (worker.trouble() for worker in self._workers.values())), "no worker is running")

    def _worker_of(self, call: int) -> Worker | None:
        return next((worker for worker in self._workers.values() if call in worker.calls), None)

    def _keep(self, share: WorkerShare) -> None:
        """Have one worker running, one after the other, and do what they say."""
        while not self._closing.is_set():
            try:
                worker = Worker(share, self._told(share))
            except OSError as error:  # the system gives no process
                self._replace(share.number, f"cannot be started: {error.strerror}", None, lived=False)
                continue
            with self._changed:
                self._workers[share.number] = worker
            if self._closing.is_set():
                worker.kill()
            failure = self._hear(worker)
            status = worker.wait()
            self._forget(worker)
            lived = worker.is_ready and time.monotonic() - worker.started > self._restarts.early_s
            self._replace(share.number, f"ended with status {status}", failure, lived=lived)

    def _forget(self, worker: Worker) -> None:
        """Take note that a worker ended, and see to its calls."""
        with self._changed:
            del self._workers[worker.number]
            lost = [self._calls.pop(number) for number in sorted(worker.calls)]
        for call in lost:
            self._lost(call, worker)

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
                    failure = self._begin_worker(worker, message)
                else:
                    self._take(worker, message)
                del message  # which may be large
        except (EOFError, OSError):
            return failure

    def _begin_worker(self, worker: Worker, message: Ready) -> VisopError | None:
        with self._changed:
            self._served = self._served or message.served
            if message.served != self._served:
                worker.kill()
                return ModelFailed("it serves something else than the others: files were changed meanwhile")
            worker.is_ready = True
            self._changed.notify_all()
        logger.info("worker %d is ready after %.1f s", worker.number, time.monotonic() - worker.started)
        worker.started = time.monotonic()
        return None

    def _take(self, worker: Worker, message: Decoded | Done | State) -> None:
        if isinstance(message, State):
            worker.state = message
            self._metrics.said(message)
            return
        with self._changed:
            call = self._calls.get(message.call)
            if call is not None and isinstance(message, Done):
                del self._calls[message.call]
                worker.calls.discard(message.call)
                worker.inputs -= len(call.inputs)
        if call is None:
            return
        if isinstance(message, Done):
            call.done(message)
        else:
            self._showing.submit(lambda: worker.send(call.see(message)))

    def _lost(self, call: WorkerCall, worker: Worker) -> None:
        """Have a call that its worker had not begun served by another one, once; and fail it otherwise."""
        if not worker.begun.has(call.number) and call.tries < _MOST_TRIES and not self._closing.is_set():
            try:
                self.begin(call)
                return
            except Unreachable:
                pass
        call.fail(Unreachable(f"worker {worker.number}, which had this call, ended; send it again"))

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
            serving = any(each.is_ready for each in self._workers.values())
        why = f"{how} ({getattr(failure, 'detail', failure)})" if failure else how
        if not serving and self._early > self._restarts.most:
            logger.critical("worker %d %s, as others did before it, and none serves", number, why)
            logging.shutdown()
            self._restarts.end(STATUS)
        wait_s = self._restarts.wait_s(self._early)
        logger.error("worker %d %s; another one is started in %g s", number, why, wait_s)
        self._metrics.restarted(number)
        self._closing.wait(wait_s)

    def _watch_silent(self) -> None:
        """Kill a worker that says nothing for so long as a model may hang: no thread of its own did."""
        limit_s = self._settings.hang_exit_s
        while not self._closing.wait(_WATCH_S):
            with self._changed:
                silent = [each for each in self._workers.values() if each.is_ready and each.silent_s() > limit_s]
            for worker in silent if limit_s else ():
                logger.critical("worker %d has said nothing for %g s and is killed", worker.number, limit_s)
                worker.kill()

    def _facts(self) -> list[tuple[int, str, State, int]]:
        """Number, condition, state and inputs in hand of each worker that runs."""
        with self._changed:
            return [
                (worker.number, _condition(worker), worker.state, worker.inputs) for worker in self._workers.values()
            ]


def _condition(worker: Worker) -> str:
    if not worker.is_ready:
        return "starting"
    return "ready" if worker.trouble() is None else "troubled"
