"""Which worker gets a call, and which has it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from visop.errors import Unreachable
from visop.serving.workers.messages import Cancel, Done, State
from visop.serving.workers.worker import Worker
from visop.serving.workers.worker_call import WorkerCall

# Workers that get a call, one after the other: what ended the first may end the next.
_MOST_TRIES = 2


class Dispatch:
    """The workers that run, and the calls that they have in hand. Its methods may be called from many threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._workers: dict[int, Worker] = {}
        self._calls: dict[int, WorkerCall] = {}
        self._turn = 0

    @property
    def workers(self) -> list[Worker]:
        """Those that run."""
        with self._lock:
            return list(self._workers.values())

    @property
    def ready(self) -> int:
        """How many take calls now."""
        return sum(worker.trouble() is None for worker in self.workers)

    def trouble(self) -> str | None:
        """Why no call can be served now, or None if one worker can."""
        troubles = [worker.trouble() for worker in self.workers]
        return None if None in troubles else next(filter(None, troubles), "no worker is running")

    def add(self, worker: Worker) -> None:
        """Take note of a worker that runs."""
        with self._lock:
            self._workers[worker.number] = worker

    def remove(self, worker: Worker, *, closing: Callable[[], bool]) -> None:
        """Take note of a worker that ended. What it had not begun is served by another one, and the rest fails."""
        with self._lock:
            del self._workers[worker.number]
            lost = [self._calls.pop(number) for number in sorted(worker.calls)]
        for call in lost:
            self._lost(call, worker, closing=closing())

    def begin(self, call: WorkerCall) -> None:
        """Give a call to the worker that has the fewest inputs in hand; of equal ones, to each in turn.

        Raises:
            Unreachable: no worker can serve it.
        """
        with self._lock:
            worker = self._least_loaded()
            self._calls[call.number] = call
            worker.calls.add(call.number)
            worker.inputs += len(call.inputs)
            call.tries += 1
            worker.send(call.begin)

    def cancel(self, number: int) -> None:
        """Tell the worker of a call that nobody waits for it any more."""
        with self._lock:
            for worker in self._workers.values():
                if number in worker.calls:
                    worker.send(Cancel(number))

    def call(self, number: int) -> WorkerCall | None:
        """A call that is in hand."""
        return self._calls.get(number)

    def done(self, worker: Worker, message: Done) -> None:
        """End a call."""
        with self._lock:
            call = self._calls.pop(message.call)
            worker.calls.discard(message.call)
            worker.inputs -= len(call.inputs)
        call.done(message)

    def facts(self) -> list[tuple[int, str, State, int]]:
        """Number, condition, state and inputs in hand of each worker that runs: for the metrics."""
        return [(worker.number, _condition(worker), worker.state, worker.inputs) for worker in self.workers]

    def _least_loaded(self) -> Worker:
        fit = [worker for worker in self._workers.values() if worker.trouble() is None]
        if not fit:
            raise Unreachable(self.trouble() or "no worker takes calls")
        least = min(worker.inputs for worker in fit)
        numbers = sorted(worker.number for worker in fit if worker.inputs == least)
        self._turn = next((number for number in numbers if number > self._turn), numbers[0])
        return self._workers[self._turn]

    def _lost(self, call: WorkerCall, worker: Worker, *, closing: bool) -> None:
        if not worker.begun.has(call.number) and call.tries < _MOST_TRIES and not closing:
            try:
                self.begin(call)
                return
            except Unreachable:
                pass
        call.fail(Unreachable(f"worker {worker.number}, which had this call, ended; send it again"))


def _condition(worker: Worker) -> str:
    if not worker.is_ready:
        return "starting"
    return "ready" if worker.trouble() is None else "troubled"
